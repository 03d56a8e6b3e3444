import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import {
  binaryRequest,
  createCloudEventClient,
  type RequestParts,
} from "../../support/cloud-event-client.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { sendRaw } from "../../support/send-raw.ts";
import { lastSequence } from "./stored-messages.ts";

const CHANNELS = [
  aChannel({ name: "orders" }),
  aChannel({ name: "orders", namespace: "shop" }),
  aChannel({
    name: "copy",
    spec: { stream: { config: { mirror: { name: "KN_DEFAULT__ORDERS" } } } },
  }),
];
const ORDERS = "orders-kn-jsm-channel.default.svc.cluster.local";
const COPY = "copy-kn-jsm-channel.default";

let plane: DataPlane;

beforeAll(async () => {
  plane = await startDataPlane({ channels: CHANNELS });
});

afterAll(async () => {
  await plane.stop();
});

/** Sends one request to a host, over a connection of its own. */
async function ask(host: string, parts: RequestParts) {
  const client = createCloudEventClient({ port: plane.dispatcher.httpPort, host });
  try {
    return await client.request(parts);
  } finally {
    client.close();
  }
}

describe("an event", () => {
  it.each([
    ["KN_DEFAULT__ORDERS", ORDERS, "/"],
    ["KN_DEFAULT__ORDERS", "orders-kn-jsm-channel.default.svc", "/"],
    ["KN_DEFAULT__ORDERS", "orders-kn-jsm-channel.default", "/?from=here"],
    ["KN_DEFAULT__ORDERS", "Orders-KN-jsm-channel.DEFAULT.svc.cluster.local.:8080", "/"],
    ["KN_DEFAULT__ORDERS", "127.0.0.1", "/default/orders"],
    ["KN_DEFAULT__ORDERS", "orders-kn-jsm-channel.shop", "/default/orders?x=1"],
    ["KN_DEFAULT__ORDERS", "127.0.0.1", `http://${ORDERS}/`],
    ["KN_SHOP__ORDERS", "orders-kn-jsm-channel.shop:80", "/"],
    ["KN_SHOP__ORDERS", ORDERS, "/shop/orders"],
  ])("goes into %s from the host %s and the path %s", async (stream, host, path) => {
    const before = await lastSequence(plane.nc, stream);
    expect(await ask(host, { ...binaryRequest({}), path })).toMatchObject({ status: 202 });
    expect(await lastSequence(plane.nc, stream)).toBe(before + 1);
  });

  it.each([
    ["example.com", "/"],
    ["orders-kn-jsm-channel", "/"],
    ["orders-kn-jsm-channel.default.svc.other.domain", "/"],
    [ORDERS, "/elsewhere"],
    [ORDERS, "/default/orders/"],
    ["127.0.0.1", "/default/nothing"],
  ])("is refused at once, 404, from the host %s and the path %s", async (host, path) => {
    const startedAt = performance.now();
    const answer = await ask(host, { ...binaryRequest({}), path });
    expect(answer).toMatchObject({ status: 404, body: "No channel has this address.\n" });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  it("is refused by a mirror, 405, with what is allowed and the reason", async () => {
    const answer = await ask(COPY, binaryRequest({}));
    expect(answer).toMatchObject({ status: 405, headers: { allow: "OPTIONS" } });
    expect(answer.body).toMatch(/mirrors the stream KN_DEFAULT__ORDERS/);
  });
});

describe("an address of a channel's form that is not known", () => {
  it("is held until the channel comes, and the event is stored then", async () => {
    const sent = ask("late-kn-jsm-channel.default:80", binaryRequest({ id: "late" }));
    await plane.write([...CHANNELS, aChannel({ name: "late" })]);
    expect(await sent).toMatchObject({ status: 202 });
    expect(await lastSequence(plane.nc, "KN_DEFAULT__LATE")).toBe(1);
  });

  it("answers 404 after two seconds, and at once when 100 requests are held", async () => {
    const { httpPort: port } = plane.dispatcher;
    const host = "never-kn-jsm-channel.default";
    const client = createCloudEventClient({ port, host, connections: 108 });
    const startedAt = performance.now();
    const waited = await Promise.all(
      Array.from({ length: 108 }, async () => {
        expect(await client.request(binaryRequest({}))).toMatchObject({ status: 404 });
        return performance.now() - startedAt;
      }),
    );
    client.close();
    waited.sort((a, b) => a - b);
    expect(waited.filter((ms) => ms >= 1_990)).toHaveLength(100);
    expect(waited[0]).toBeLessThan(1_500);
    expect(waited.at(-1)).toBeLessThan(20_000);
  });
});

describe("what is no event", () => {
  it.each(["GET", "PUT", "PATCH", "DELETE", "HEAD"])(
    "%s is refused, 405, with what is allowed",
    async (method) => {
      const answer = await ask(ORDERS, { method });
      expect(answer).toMatchObject({ status: 405, headers: { allow: "POST, OPTIONS" } });
      expect(answer.body).toBe(method === "HEAD" ? "" : "Events come with POST.\n");
    },
  );

  it.each([
    [ORDERS, "POST, OPTIONS"],
    ["example.com", "POST, OPTIONS"],
    [COPY, "OPTIONS"],
  ])("OPTIONS of %s is answered 200 with the WebHook headers, Allow: %s", async (host, allow) => {
    const headers = {
      "webhook-request-origin": "events.example.com",
      "webhook-request-rate": "120",
    };
    expect(await ask(host, { method: "OPTIONS", headers })).toMatchObject({
      status: 200,
      headers: { allow, "webhook-allowed-origin": "*", "webhook-allowed-rate": "*" },
      body: "",
    });
  });

  it.each([{ "user-agent": "kube-probe/1.34" }, { "k-kubelet-probe": "queue" }])(
    "a kubelet's probe is answered 200: %j",
    async (headers) => {
      expect(await ask("10.0.0.1", { method: "GET", headers })).toMatchObject({
        status: 200,
        body: "",
      });
    },
  );

  it("a kubelet's probe may come without a Host", async () => {
    const probe = "GET / HTTP/1.1\r\nUser-Agent: kube-probe/1.34\r\nConnection: close\r\n\r\n";
    expect(await sendRaw(plane.dispatcher.httpPort, probe)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each(["GET", "POST"])("a network probe of Knative (%s) gets its hash back", async (method) => {
    const headers = { "k-network-probe": "probe", "k-network-hash": "abc123" };
    expect(await ask(ORDERS, { method, headers })).toMatchObject({
      status: 200,
      headers: { "k-network-hash": "abc123" },
    });
  });

  it("a network probe without a hash is refused, 400", async () => {
    expect(
      await ask(ORDERS, { method: "GET", headers: { "k-network-probe": "probe" } }),
    ).toMatchObject({
      status: 400,
      body: "A network probe must have a K-Network-Hash header.\n",
    });
  });
});
