import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { KubeClient } from "../../../src/kube/client.ts";
import { sendStatus } from "../../support/api-stand-in.ts";
import { eventually } from "../../support/eventually.ts";
import { failureOf, IN_NS, kubeWorld, THINGS, thing } from "./kube-world.ts";

const world = kubeWorld();
const a1 = { namespace: "ns", name: "a1" };

/** Has the first requests, as many as there are statuses, answered with these. */
function answerFirst(...statuses: [code: number, reason: string, retryAfter?: string][]) {
  world.server.fault = (_, response) => {
    const next = statuses.shift();
    if (next === undefined) return false;
    const [code, reason, retryAfter] = next;
    sendStatus(
      response,
      code,
      reason,
      retryAfter === undefined ? {} : { "retry-after": retryAfter },
    );
    return true;
  };
}

const somethingSwallowed = () =>
  eventually(() => world.proxy.swallowed > 0, { within: 10_000, what: "a silent proxy" });

describe("an answer of 429 or 503 with Retry-After", () => {
  it("is waited for, also by a write", async () => {
    answerFirst([429, "TooManyRequests", "0"], [503, "ServiceUnavailable", "0"]);
    await world.client.create(THINGS, thing("a1"));
    expect(world.server.count("POST")).toBe(3);
  });

  it("that comes too late for the deadline is given at once", async () => {
    answerFirst([429, "TooManyRequests", "60"]);
    const error = await failureOf(world.client.get(THINGS, a1));
    expect(error).toMatchObject({ code: 429, reason: "TooManyRequests" });
    expect(world.server.requests).toHaveLength(1);
  });

  it("without the header is given at once", async () => {
    answerFirst([503, "ServiceUnavailable"]);
    const error = await failureOf(world.client.create(THINGS, thing("a1")));
    expect(error.code).toBe(503);
    expect(world.server.requests).toHaveLength(1);
  });
});

describe("a connection", () => {
  it("that breaks has a GET sent again", async () => {
    world.server.put(IN_NS, thing("a1", 7));
    let broken = 0;
    world.server.fault = (_, response) => {
      if (broken === 2) return false;
      broken += 1;
      response.destroy();
      return true;
    };
    expect((await world.client.get(THINGS, a1)).spec).toEqual({ value: 7 });
    expect(world.server.requests).toHaveLength(3);
  });

  it("that breaks has a write fail, since nobody knows whether it was carried out", async () => {
    world.server.fault = (_, response) => {
      response.destroy();
      return true;
    };
    const error = await failureOf(world.client.create(THINGS, thing("a1")));
    expect(error).toMatchObject({ code: undefined, reason: "ConnectionFailed" });
    expect(error.message).toBe("cannot create things ns/a1: no answer");
    expect(world.server.requests).toHaveLength(1);
  });

  it("that went silent is left by a GET for a new one", async () => {
    world.server.put(IN_NS, thing("a1", 7));
    await world.client.get(THINGS, a1);
    world.proxy.swallow("to-client");
    const answer = world.client.get(THINGS, a1, { timeoutMs: 2_000 });
    await somethingSwallowed();
    world.proxy.pass();
    expect((await answer).spec).toEqual({ value: 7 });
  });

  it("that stays silent is given up at the deadline, with a sentence that says so", async () => {
    world.proxy.swallow("to-client");
    const error = await failureOf(world.client.replace(THINGS, thing("a1"), { timeoutMs: 200 }));
    expect(error).toMatchObject({ code: undefined, reason: "Timeout" });
    expect(error.message).toBe("cannot replace things ns/a1: no answer within 200 ms");
  });

  it("whose TLS never comes about is given up at the deadline too", async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as AddressInfo;
    const access = { ...world.server.access(), server: `https://127.0.0.1:${port}` };
    const client = new KubeClient({ access, userAgent: "test" });
    const began = performance.now();
    const error = await failureOf(client.replace(THINGS, thing("a1"), { timeoutMs: 200 }));
    expect(error.reason).toBe("Timeout");
    expect(performance.now() - began).toBeLessThan(2_000);
    await client.close();
    mute.close();
  });

  it("that is refused has a GET wait for the server to come back", async () => {
    world.server.put(IN_NS, thing("a1", 7));
    await world.server.stop();
    const answer = world.client.get(THINGS, a1);
    await world.server.start();
    expect((await answer).spec).toEqual({ value: 7 });
  });

  it("serves many requests that follow one another", async () => {
    world.server.put(IN_NS, thing("a1"));
    for (let i = 0; i < 20; i++) await world.client.get(THINGS, a1);
    const connections = new Set(world.server.requests.map(({ remotePort }) => remotePort));
    expect(connections.size).toBeLessThan(5);
  });
});

it("a request that its caller gives up ends at once", async () => {
  world.proxy.swallow("to-client");
  const giveUp = new AbortController();
  const answer = failureOf(world.client.get(THINGS, a1, { signal: giveUp.signal }));
  await somethingSwallowed();
  giveUp.abort();
  expect(await answer).toMatchObject({ code: undefined, reason: "Aborted" });
});
