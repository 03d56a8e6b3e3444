import { expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import type { Refusal, SubscriberSettings } from "../../../src/api/settings.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n";
const GOOD = { uid: "good", subscriberUri: "http://good" };
const BY_REF = { deadLetterSink: { ref: { kind: "Service", name: "dead" } } };

interface Surroundings {
  delivery?: object;
  status?: object;
}

it.each<[string, unknown, string, string]>([
  ["is no object", "http://a", "", "an object expected, got a text"],
  ["is null", null, "", "an object expected, got null"],
  ["has no uid", { uid: undefined }, ".uid", "required: a text"],
  ["has an empty uid", { uid: "" }, ".uid", '1 to 64 letters, digits, "-" or "_" expected, got ""'],
  ["has a uid with a dot", { uid: "a.b" }, ".uid", "1 to 64 letters"],
  ["has a uid with a line end", { uid: "a\n" }, ".uid", "1 to 64 letters"],
  ["has a long uid", { uid: "a".repeat(65) }, ".uid", "1 to 64 letters"],
  ["has a number for a uid", { uid: 5 }, ".uid", "a text expected, got 5"],
  ["has no URI at all", { subscriberUri: undefined }, ".subscriberUri", "required (or a replyUri)"],
  [
    "has empty URIs",
    { subscriberUri: "", replyUri: "" },
    ".subscriberUri",
    "required (or a replyUri)",
  ],
  [
    "has a relative URI",
    { subscriberUri: "/in" },
    ".subscriberUri",
    'an absolute http or https URL expected, got "/in"',
  ],
  [
    "has a URI without scheme",
    { subscriberUri: "good.shop.svc" },
    ".subscriberUri",
    "an absolute http",
  ],
  ["has a URI without host", { subscriberUri: "http:///in" }, ".subscriberUri", "an absolute http"],
  ["has a half URI", { subscriberUri: "http:good" }, ".subscriberUri", "an absolute http"],
  ["has another scheme", { subscriberUri: "ftp://a" }, ".subscriberUri", "an absolute http"],
  ["has a URI with a space", { subscriberUri: " http://a" }, ".subscriberUri", "an absolute http"],
  [
    "has a URI with a line end",
    { subscriberUri: "http://a\r\nX: y" },
    ".subscriberUri",
    "an absolute http",
  ],
  [
    "has a port that is none",
    { subscriberUri: "http://a:99999" },
    ".subscriberUri",
    "an absolute http",
  ],
  ["has a bad reply URI", { replyUri: "reply" }, ".replyUri", "an absolute http"],
  [
    "has CA certificates that are none",
    { subscriberCACerts: "MIIB" },
    ".subscriberCACerts",
    "at least one certificate in PEM form expected",
  ],
  [
    "has a key for a certificate",
    { replyCACerts: PEM.replaceAll("CERTIFICATE", "PRIVATE KEY") },
    ".replyCACerts",
    "at least one certificate in PEM form expected",
  ],
  ["has a bad generation", { generation: 1.5 }, ".generation", "a whole number expected, got 1.5"],
  [
    "has a delivery that is none",
    { delivery: "PT5S" },
    ".delivery",
    "an object expected, got a text",
  ],
  [
    "has a bad delay",
    { delivery: { backoffDelay: "5s" } },
    ".delivery.backoffDelay",
    'a duration like "PT10S" expected, got "5s"',
  ],
  [
    "has a delay in months",
    { delivery: { backoffDelay: "P1M" } },
    ".delivery.backoffDelay",
    'a duration like "P30D" expected, got "P1M": years and months',
  ],
  [
    "has a negative delay",
    { delivery: { backoffMax: "-PT5S" } },
    ".delivery.backoffMax",
    'a duration like "PT10S" expected, got "-PT5S"',
  ],
  [
    "has no time for an attempt",
    { delivery: { timeout: "PT0S" } },
    ".delivery.timeout",
    'more than 0 expected, got "PT0S"',
  ],
  [
    "has a bad retryAfterMax",
    { delivery: { retryAfterMax: 5 } },
    ".delivery.retryAfterMax",
    "a text expected, got 5",
  ],
  [
    "has a negative retry",
    { delivery: { retry: -1 } },
    ".delivery.retry",
    "at least 0 expected, got -1",
  ],
  [
    "has half a retry",
    { delivery: { retry: 0.5 } },
    ".delivery.retry",
    "a whole number expected, got 0.5",
  ],
  [
    "has an unknown policy",
    { delivery: { backoffPolicy: "cubic" } },
    ".delivery.backoffPolicy",
    '"linear" or "exponential" expected, got "cubic"',
  ],
  [
    "has an unknown format",
    { delivery: { format: "xml" } },
    ".delivery.format",
    '"binary" or "json" expected, got "xml"',
  ],
  [
    "has a dead-letter sink that is nowhere",
    { delivery: { deadLetterSink: {} } },
    ".delivery.deadLetterSink.uri",
    "an absolute http or https URL is required",
  ],
  [
    "has a relative dead-letter sink",
    { delivery: { deadLetterSink: { uri: "/dead" } } },
    ".delivery.deadLetterSink.uri",
    "an absolute http",
  ],
  [
    "has a dead-letter sink by reference",
    { delivery: BY_REF },
    ".delivery.deadLetterSink",
    "not resolved: a ref is resolved by the controller",
  ],
])("refuses a subscriber alone that %s", (_, part, path, sentence) => {
  const entry = part !== null && typeof part === "object" ? { ...GOOD, uid: "bad", ...part } : part;
  const { subscribers, refusals } = parsed([GOOD, entry], {
    status: { deadLetterSinkUri: "http://resolved" },
  });
  expect(subscribers.map(({ uid }) => uid)).toEqual(["good"]);
  expect(refusals).toHaveLength(1);
  expect(refusals[0]).toMatchObject({
    path: `spec.subscribers[1]${path}`,
    reason: expect.stringContaining(sentence),
  });
});

it("is one refusal for all faults of a subscriber, with its uid", () => {
  const entry = { uid: "bad", subscriberUri: "x", delivery: { retry: -1, format: "xml" } };
  expect(parsed([entry]).refusals).toEqual([
    {
      subscriberUid: "bad",
      path: "spec.subscribers[0].subscriberUri",
      reason:
        'an absolute http or https URL expected, got "x"; ' +
        "spec.subscribers[0].delivery.retry: at least 0 expected, got -1; " +
        'spec.subscribers[0].delivery.format: "binary" or "json" expected, got "xml"',
    },
  ]);
});

it.each<[string, Surroundings]>([
  ["is only a reference", { delivery: BY_REF }],
  [
    "is relative to a reference",
    { delivery: { deadLetterSink: { ...BY_REF.deadLetterSink, uri: "/x" } } },
  ],
  ["was resolved to nothing", { delivery: BY_REF, status: { deadLetterSinkUri: "" } }],
])("refuses who depends on the channel's dead-letter sink while that %s", (_, surroundings) => {
  const own = { uid: "own", subscriberUri: "http://own", delivery: { retry: 1 } };
  const { subscribers, refusals } = parsed([GOOD, own], surroundings);
  expect(subscribers.map(({ uid }) => uid)).toEqual(["own"]);
  expect(refusals).toEqual([
    {
      path: "spec.delivery.deadLetterSink",
      reason: expect.stringContaining("not resolved"),
      subscriberUid: "good",
    },
  ]);
});

it("refuses who depends on a dead-letter sink that was resolved to no URL", () => {
  const { refusals } = parsed([GOOD], { delivery: BY_REF, status: { deadLetterSinkUri: "dead" } });
  expect(refusals[0]?.reason).toContain('status.deadLetterSinkUri has "dead"');
});

it.each([
  ["the same uid", "a-1", "a-1"],
  ["uids that differ in dashes", "a-1", "a1"],
  ["uids that differ in case", "Ab", "aB"],
  ["a uid in the other's reserved names", "ab", "ab_m"],
  ["a uid whose reserved names the other has", "ab_m", "ab"],
])("refuses the second of two subscribers with %s", (_, first, second) => {
  const { subscribers, refusals } = parsed([
    { ...GOOD, uid: first },
    { ...GOOD, uid: second },
  ]);
  expect(subscribers.map(({ uid }) => uid)).toEqual([first]);
  expect(refusals).toEqual([
    {
      path: "spec.subscribers[1].uid",
      reason: expect.stringMatching(/collides with KN_SUB_\w+ of spec\.subscribers\[0\]/),
      subscriberUid: second,
    },
  ]);
});

it("keeps subscribers whose uids only begin alike", () => {
  const entries = ["ab", "abc", "ab2", "a_b_c", "a_c"].map((uid) => ({ ...GOOD, uid }));
  expect(parsed(entries).refusals).toEqual([]);
});

function parsed(
  entries: unknown[],
  { delivery, status }: Surroundings = {},
): { subscribers: SubscriberSettings[]; refusals: Refusal[] } {
  const object = {
    apiVersion: "messaging.knative.dev/v1alpha1",
    kind: "NatsJetStreamChannel",
    metadata: { name: "orders" },
    spec: { delivery, subscribers: entries },
    status,
  };
  const result = parseChannel(object, { jetstream: { subjectPrefix: "", streamPrefix: "" } });
  if (!result.ok) throw new Error(`the channel was refused: ${JSON.stringify(result.refusals)}`);
  return { subscribers: result.channel.subscribers, refusals: result.refusals };
}
