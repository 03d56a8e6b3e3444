import fc from "fast-check";
import { expect, it } from "vitest";
import { channelServiceNameFor } from "../../../src/api/names.ts";
import { retryAfterMsFor, retryDelayMs } from "../../../src/dispatcher/retry.ts";
import { type Route, Routes, targetOf } from "../../../src/dispatcher/routes.ts";
import { fuzzParameters, fuzzTimeoutMs } from "../../support/fuzz.ts";

const WEEK_MS = 7 * 86_400_000;
const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const CHANNELS = [
  { namespace: "default", name: "orders" },
  { namespace: "a-b", name: "c" },
  { namespace: "a", name: "b-c" },
  { namespace: "svc", name: "x".repeat(60) },
];
const routes = new Routes("cluster.local");
for (const channel of CHANNELS)
  routes.set(channel, routeOf(`${channel.namespace}/${channel.name}`));

function routeOf(key: string): Route {
  return {
    key,
    store: { unavailable: "" },
    readOnly: undefined,
    isUndecided: () => false,
    policy: () => true,
    count: () => undefined,
    countType: () => undefined,
  };
}

const known = fc.constantFrom(...CHANNELS);
const anyHost = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .tuple(label, label, fc.constantFrom("", ".svc", ".svc.cluster.local", ".svc.other", "."))
    .map(([name, namespace, domain]) => `${name}-kn-jsm-channel.${namespace}${domain}`),
  fc
    .tuple(known, fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }))
    .map(
      ([{ name, namespace }, before, behind]) =>
        `${before}${channelServiceNameFor(name)}.${namespace}${behind}`,
    ),
);

it(
  "finds a channel by every form of its host and its path, in any case, with any port",
  () => {
    const form = fc.record({
      channel: known,
      domain: fc.constantFrom("", ".svc", ".svc.cluster.local"),
      dot: fc.constantFrom("", "."),
      port: fc.oneof(
        fc.constant(""),
        fc.nat(65_535).map((port) => `:${port}`),
      ),
      upper: fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
      query: fc.constantFrom("", "?", "?a=/b"),
    });
    fc.assert(
      fc.property(form, ({ channel, domain, dot, port, upper, query }) => {
        const { namespace, name } = channel;
        const lower = `${channelServiceNameFor(name)}.${namespace}${domain}${dot}${port}`;
        const host = [...lower]
          .map((c, i) => (upper[i % upper.length] ? c.toUpperCase() : c))
          .join("");
        const key = `${namespace}/${name}`;
        expect(routes.find(`/${query}`, host)?.key).toBe(key);
        expect(routes.find(`/${key}${query}`, "anything")?.key).toBe(key);
        const absolute = targetOf(`http://${host}/${query}`, "other");
        expect(routes.find(absolute.path, absolute.host)?.key).toBe(key);
      }),
      fuzzParameters(),
    );
  },
  fuzzTimeoutMs(3),
);

it(
  "finds no channel by a host or path that is not one of its own",
  () => {
    const path = fc.oneof(
      fc.constant("/"),
      fc.webPath(),
      fc.string({ unit: "binary" }),
      known.map((one) => `/${one.namespace}//${one.name}`),
    );
    fc.assert(
      fc.property(path, anyHost, (url, header) => {
        const target = targetOf(url, header);
        const found = routes.find(target.path, target.host);
        expect(typeof routes.mayCome(target.path, target.host)).toBe("boolean");
        if (found === undefined) return;
        const [service = "", namespace, ...domain] = target.host
          .toLowerCase()
          .replace(/:\d*$/, "")
          .replace(/\.$/, "")
          .split(".");
        const own = CHANNELS.find((one) => `${one.namespace}/${one.name}` === found.key);
        const byHost =
          service === channelServiceNameFor(own?.name ?? "") &&
          namespace === own?.namespace &&
          ["", "svc", "svc.cluster.local"].includes(domain.join("."));
        const byPath = target.path.split("?")[0] === `/${found.key}`;
        expect(byHost || byPath).toBe(true);
      }),
      fuzzParameters(),
    );
  },
  fuzzTimeoutMs(3),
);

it(
  "reads any Retry-After as a wait or nothing, and never waits beyond its bounds",
  () => {
    const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
    const delivery = {
      backoffDelayMs: 1_000,
      backoffPolicy: "exponential",
      retry: 5,
      retryAfterMaxMs: 60_000,
    } as Parameters<typeof retryDelayMs>[0];
    const header = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.bigInt().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc
        .array(
          fc.constantFrom(
            "Sun, ",
            "06 ",
            "Nov ",
            "1994 ",
            "08:49:37 ",
            "GMT",
            "-",
            "99",
            "Sunday, ",
          ),
        )
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(header, fc.nat(100), (text, reattempt) => {
        const askedMs = retryAfterMsFor(text, nowMs);
        expect(askedMs === undefined || askedMs >= 0).toBe(true);
        const waitMs = retryDelayMs(delivery, reattempt + 1, askedMs);
        expect(waitMs >= 1_000 && waitMs <= WEEK_MS).toBe(true);
      }),
      fuzzParameters(),
    );
    fc.assert(
      fc.property(fc.nat(), (seconds) => {
        const at = new Date(nowMs + seconds * 1_000).toUTCString();
        expect(retryAfterMsFor(at, nowMs)).toBe(seconds * 1_000);
        expect(retryAfterMsFor(` ${seconds}`, nowMs)).toBe(seconds * 1_000);
      }),
      fuzzParameters(),
    );
  },
  fuzzTimeoutMs(3),
);
