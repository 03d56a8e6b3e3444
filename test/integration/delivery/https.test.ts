import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "../../support/certificates.ts";
import type { Respond } from "../../support/event-sink.ts";
import { eventAnswer, type Lanes, startLanes } from "./lanes.ts";

const QUICK = { backoffPolicy: "linear", backoffDelay: "PT0.01S" };
const ok: Respond = () => ({ status: 200 });
const authority = makeCertificate({ commonName: "authority" });
const server = makeCertificate({ issuer: authority });
const stranger = makeCertificate({ commonName: "stranger" });
const elsewhere = makeCertificate({ issuer: authority, hosts: ["elsewhere.example"] });
const expired = makeCertificate({
  issuer: authority,
  notBefore: new Date("2020-01-01"),
  notAfter: new Date("2021-01-01"),
});

let world: Lanes<"all" | "bundle" | "unknown" | "wrong" | "host" | "expired" | "reply" | "mended">;

beforeAll(async () => {
  const trusted = {
    subscriberCACerts: authority.cert,
    replyCACerts: authority.cert,
    deadLetterCACerts: authority.cert,
  };
  const failing = { delivery: { retry: 2, ...QUICK } };
  world = await startLanes({
    all: {
      tls: server,
      ...trusted,
      subscriber: () => eventAnswer("reply"),
      reply: () => ({ status: 400 }),
      deadLetter: ok,
    },
    bundle: { tls: server, subscriberCACerts: `${stranger.cert}\n${authority.cert}` },
    unknown: { tls: server, ...failing },
    wrong: { tls: server, subscriberCACerts: stranger.cert, ...failing },
    host: { tls: elsewhere, ...trusted, ...failing },
    expired: { tls: expired, ...trusted, ...failing },
    reply: {
      tls: server,
      ...trusted,
      replyCACerts: stranger.cert,
      subscriber: () => eventAnswer("reply"),
      reply: ok,
      deadLetter: ok,
      ...failing,
    },
    mended: {
      tls: server,
      subscriberCACerts: stranger.cert,
      delivery: { backoffDelay: "PT0.05S", backoffMax: "PT0.1S" },
    },
  });
});

afterAll(() => world.stop());

describe("https", () => {
  it("reaches subscriber, reply destination and dead-letter sink with the certificates that each is given", async () => {
    const { all } = world.lanes;
    expect(all.subscriber.url).toMatch(/^https:/);
    const id = await all.send({ data: "d" });
    await all.settled();
    expect(all.subscriber.ids).toEqual([id]);
    expect(all.reply.ids).toEqual(["reply"]);
    expect(all.deadLetter.ids).toEqual([id]);
    expect(all.deadLetter.requests[0]?.headers["ce-knativeerrordest"]).toBe(all.reply.url);
  });

  it("takes several certificates in one bundle", async () => {
    const { bundle } = world.lanes;
    await bundle.send();
    await bundle.settled();
    expect(bundle.subscriber.requests).toHaveLength(1);
  });

  it.each([
    ["unknown", /unable to (verify|get local issuer)|self.signed/i],
    ["wrong", /unable to (verify|get local issuer)|self.signed/i],
    ["host", /does not match certificate's altnames/i],
    ["expired", /expired/i],
  ] as const)(
    "is not spoken to a server that cannot be trusted (%s): tried again, and the reason is said",
    async (name, reason) => {
      const lane = world.lanes[name];
      await lane.send();
      await lane.settled();
      expect(lane.subscriber.requests).toHaveLength(0);
      expect(await lane.deliveries("retried")).toBe(2);
      expect(await lane.deliveries("given_up")).toBe(1);
      const line = world.dataPlane.dispatcher.logs.find(
        ({ msg, channel }) => msg?.includes("given up") && channel === `default/${name}`,
      );
      expect(line?.reason).toContain(lane.subscriber.url);
      expect(line?.reason).toMatch(reason);
    },
  );

  it("trusts for each destination only what was given for it", async () => {
    const { reply } = world.lanes;
    await reply.send();
    await reply.settled();
    expect(reply.subscriber.requests).toHaveLength(1);
    expect(reply.reply.requests).toHaveLength(0);
    const [letter] = reply.deadLetter.requests;
    expect(letter?.headers["ce-knativeerrordest"]).toBe(reply.reply.url);
    expect(letter?.headers["ce-knativeerrorcode"]).toBe("500");
  });

  it("is tried again with the new certificates when the channel is given them, and nothing is lost", async () => {
    const { mended } = world.lanes;
    const id = await mended.send();
    const { channels } = world;
    const changed = channels.map((channel) => {
      if (channel.metadata.name !== "mended") return channel;
      const [subscriber] = channel.spec.subscribers as Record<string, unknown>[];
      const subscribers = [{ ...subscriber, subscriberCACerts: authority.cert }];
      return { ...channel, spec: { ...channel.spec, subscribers } };
    });
    await world.dataPlane.write(changed);
    await mended.settled();
    expect(mended.subscriber.ids).toEqual([id]);
  });
});
