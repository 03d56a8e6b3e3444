import { afterAll, describe, expect, it } from "vitest";
import { type Route, Routes, targetOf } from "../../../src/dispatcher/routes.ts";
import { Connection } from "../../../src/nats/connection.ts";
import { Publisher } from "../../../src/nats/publisher.ts";
import { createLogger } from "../../../src/runtime/logger.ts";

const log = createLogger({ name: "test", level: "silent" });
const publisher = new Publisher({
  connection: new Connection({ servers: ["127.0.0.1:4222"], name: "test", log }),
  maxInFlight: 1,
  timeoutMs: 1,
});

afterAll(() => publisher.end());

const ORDERS = { namespace: "default", name: "orders" };

function route(key: string): Route {
  return {
    key,
    store: {
      publisher,
      stream: "S",
      subject: "s",
      maxMessageBytes: () => 1,
      onUnavailable: () => undefined,
    },
    readOnly: undefined,
    isUndecided: () => false,
    policy: () => true,
    count: () => undefined,
    countType: () => undefined,
  };
}

function routesWith(...channels: { namespace: string; name: string }[]): Routes {
  const routes = new Routes("cluster.local");
  for (const channel of channels)
    routes.set(channel, route(`${channel.namespace}/${channel.name}`));
  return routes;
}

describe("a request's channel", () => {
  it.each([
    "orders-kn-jsm-channel.default.svc.cluster.local",
    "orders-kn-jsm-channel.default.svc",
    "orders-kn-jsm-channel.default",
    "Orders-KN-jsm-channel.Default.SVC.Cluster.Local",
    "orders-kn-jsm-channel.default.svc.cluster.local:80",
    "orders-kn-jsm-channel.default.svc.cluster.local:",
    "orders-kn-jsm-channel.default.svc.cluster.local.",
    "orders-kn-jsm-channel.default.svc.cluster.local.:8080",
    "ORDERS-kn-jsm-channel.default:8080",
  ])("is found by the host %s", (host) => {
    const routes = routesWith(ORDERS, { namespace: "default", name: "other" });
    expect(routes.find("/", host)?.key).toBe("default/orders");
  });

  it.each(["/default/orders", "/default/orders?x=1"])(
    "is found by the path %s, whatever the host",
    (path) => {
      const routes = routesWith(ORDERS, { namespace: "default", name: "other" });
      expect(routes.find(path, "other-kn-jsm-channel.default")?.key).toBe("default/orders");
    },
  );

  it("is found by its host when the path is / with a query", () => {
    expect(routesWith(ORDERS).find("/?x=1", "orders-kn-jsm-channel.default")?.key).toBe(
      "default/orders",
    );
  });

  it.each([
    ["/", ""],
    ["/", "orders"],
    ["/", "orders-kn-jsm-channel"],
    ["/", "orders-kn-jsm-channel.other"],
    ["/", "orders-kn-jsm-channel.default.svc.other.domain"],
    ["/", "orders-kn-jsm-channel.default.svc.cluster.local.."],
    ["/default/orders/", "x"],
    ["/default", "x"],
    ["/Default/Orders", "x"],
    ["/elsewhere", "orders-kn-jsm-channel.default"],
    ["*", "orders-kn-jsm-channel.default"],
    ["/__proto__", "constructor"],
  ])("is unknown for the path %s and the host %j", (path, host) => {
    expect(routesWith(ORDERS).find(path, host)).toBeUndefined();
  });

  it("is unknown again when the route is taken away, and the other channels stay", () => {
    const routes = routesWith(ORDERS, { namespace: "default", name: "other" });
    routes.remove("default/orders");
    expect(routes.find("/", "orders-kn-jsm-channel.default")).toBeUndefined();
    expect(routes.find("/default/orders", "x")).toBeUndefined();
    expect(routes.find("/", "other-kn-jsm-channel.default")?.key).toBe("default/other");
  });

  it("is the newest route that was set", () => {
    const routes = routesWith(ORDERS);
    const newer = { ...route("default/orders"), stream: "NEWER" };
    routes.set(ORDERS, newer);
    expect(routes.find("/", "orders-kn-jsm-channel.default")).toBe(newer);
    expect(routes.find("/default/orders", "")).toBe(newer);
  });
});

describe("a channel that is not there yet", () => {
  it.each([
    ["/", "new-kn-jsm-channel.default.svc.cluster.local", true],
    ["/?x", "new-kn-jsm-channel.default", true],
    ["/default/new", "new-kn-jsm-channel.default", false],
    ["/", "example.com", false],
    ["/", "new-kn-jsm-channel.default.svc.other", false],
  ])("may come for the path %s and the host %s: %s", (path, host, may) => {
    expect(routesWith().mayCome(path, host)).toBe(may);
  });

  it("is given to everybody who waits for one of its hosts, as soon as it comes", async () => {
    const routes = routesWith();
    const waiting = [
      routes.wait("Orders-kn-jsm-channel.default:80", 60_000),
      routes.wait("orders-kn-jsm-channel.default.svc.cluster.local", 60_000),
      routes.wait("orders-kn-jsm-channel.default.svc.cluster.local.", 60_000),
    ];
    const orders = route("default/orders");
    routes.set(ORDERS, orders);
    expect(await Promise.all(waiting)).toEqual([orders, orders, orders]);
  });

  it("is waited for until it takes events, and is what it is when that takes too long", async () => {
    const routes = new Routes("cluster.local");
    const patient = routes.wait("orders-kn-jsm-channel.default", 60_000);
    const notYet = { ...route("default/orders"), store: { unavailable: "Not yet." } };
    routes.set(ORDERS, notYet);
    expect(await routes.wait("orders-kn-jsm-channel.default", 1)).toBe(notYet);
    const orders = route("default/orders");
    routes.set(ORDERS, orders);
    expect(await patient).toBe(orders);
  });

  it("that is undecided is waited for until it is decided", async () => {
    const routes = new Routes("cluster.local");
    let isUndecided = true;
    const orders = { ...route("default/orders"), isUndecided: () => isUndecided };
    routes.set(ORDERS, orders);
    const patient = routes.wait("orders-kn-jsm-channel.default", 60_000);
    routes.decided("default/orders");
    expect(await routes.wait("orders-kn-jsm-channel.default", 1)).toBe(orders);
    isUndecided = false;
    routes.decided("default/orders");
    expect(await patient).toBe(orders);
  });

  it("is undefined for who has waited long enough, and only for them", async () => {
    const routes = routesWith();
    const patient = routes.wait("orders-kn-jsm-channel.default", 60_000);
    expect(await routes.wait("orders-kn-jsm-channel.default", 1)).toBeUndefined();
    const orders = route("default/orders");
    routes.set(ORDERS, orders);
    expect(await patient).toBe(orders);
  });
});

describe("a request's target", () => {
  it.each([
    ["/", "h", { path: "/", host: "h" }],
    ["/a/b?c", "h", { path: "/a/b?c", host: "h" }],
    ["http://other:8080/a/b?c", "h", { path: "/a/b?c", host: "other:8080" }],
    ["HTTP://Other", "h", { path: "/", host: "other" }],
    ["*", "h", { path: "*", host: "h" }],
    ["//evil/x", "h", { path: "//evil/x", host: "h" }],
    ["http://[", "h", { path: "http://[", host: "h" }],
    [undefined, "h", { path: "/", host: "h" }],
  ])("is, for %s with the Host %s, %j", (url, host, target) => {
    expect(targetOf(url, host)).toEqual(target);
  });
});
