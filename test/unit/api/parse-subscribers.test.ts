import { expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import type { Refusal, SubscriberSettings } from "../../../src/api/settings.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n";
const NO_DELIVERY = {
  deadLetter: undefined,
  retry: undefined,
  timeoutMs: undefined,
  backoffPolicy: undefined,
  backoffDelayMs: undefined,
  backoffMaxMs: undefined,
  retryAfterMaxMs: undefined,
  format: undefined,
};
const GOOD = { uid: "good", subscriberUri: "http://good" };

interface Surroundings {
  delivery?: object;
  status?: object;
}

it("compiles a subscriber with everything", () => {
  const entry = {
    uid: "7b1d-0c2e",
    name: "billing",
    generation: 4,
    subscriberUri: "https://Billing.example:8443/in?x=1",
    subscriberCACerts: PEM,
    subscriberAudience: "billing",
    replyUri: "http://reply",
    replyCACerts: "",
    delivery: {
      deadLetterSink: { uri: "http://dead", CACerts: PEM, audience: "dead" },
      retry: 3,
      timeout: "PT1.5S",
      backoffPolicy: "Exponential",
      backoffDelay: "PT0.2S",
      backoffMax: "PT1M",
      retryAfterMax: "PT0S",
      format: "JSON",
    },
  };
  expect(parsed([entry])).toEqual({
    refusals: [],
    subscribers: [
      {
        uid: "7b1d-0c2e",
        name: "billing",
        generation: 4,
        subscriber: {
          uri: "https://Billing.example:8443/in?x=1",
          caCerts: PEM,
          audience: "billing",
        },
        reply: { uri: "http://reply", caCerts: undefined, audience: undefined },
        delivery: {
          deadLetter: { uri: "http://dead", caCerts: PEM, audience: "dead" },
          retry: 3,
          timeoutMs: 1500,
          backoffPolicy: "exponential",
          backoffDelayMs: 200,
          backoffMaxMs: 60_000,
          retryAfterMaxMs: 0,
          format: "json",
        },
      },
    ],
  });
});

it("compiles a subscriber that only replies", () => {
  expect(parsed([{ uid: "a", subscriberUri: "", replyUri: "http://r" }]).subscribers).toEqual([
    {
      uid: "a",
      name: "",
      generation: 0,
      subscriber: undefined,
      reply: { uri: "http://r", caCerts: undefined, audience: undefined },
      delivery: NO_DELIVERY,
    },
  ]);
});

it("bounds a timeout by what a timer can count", () => {
  const entry = { ...GOOD, delivery: { timeout: "P30D" } };
  expect(parsed([entry]).subscribers[0]?.delivery.timeoutMs).toBe(2_147_483_647);
});

const BY_REF = { deadLetterSink: { ref: { kind: "Service", name: "dead" } } };
const RESOLVED = {
  deadLetterSinkUri: "http://resolved",
  deadLetterSinkCACerts: PEM,
  deadLetterSinkAudience: "dead",
};

it.each<[string, object, Surroundings, object]>([
  ["nothing where nobody says anything", GOOD, {}, {}],
  [
    "the channel's delivery where it has none",
    GOOD,
    { delivery: { retry: 5, deadLetterSink: { uri: "http://d" } } },
    { retry: 5, deadLetter: { uri: "http://d", caCerts: undefined, audience: undefined } },
  ],
  [
    "its own delivery as a whole, and nothing of the channel's",
    { ...GOOD, delivery: { timeout: "PT1S" } },
    { delivery: { retry: 5, deadLetterSink: { uri: "http://d" } }, status: RESOLVED },
    { timeoutMs: 1000 },
  ],
  [
    "its own delivery even when it is empty",
    { ...GOOD, delivery: {} },
    { delivery: { retry: 5 } },
    {},
  ],
  [
    "the channel's when its own is null",
    { ...GOOD, delivery: null },
    { delivery: { retry: 5 } },
    { retry: 5 },
  ],
  [
    "the resolved dead-letter sink instead of the channel's reference",
    GOOD,
    { delivery: BY_REF, status: RESOLVED },
    { deadLetter: { uri: "http://resolved", caCerts: PEM, audience: "dead" } },
  ],
  [
    "the resolved dead-letter sink instead of the channel's uri",
    GOOD,
    {
      delivery: { deadLetterSink: { uri: "http://d", CACerts: PEM } },
      status: { deadLetterSinkUri: "http://resolved" },
    },
    { deadLetter: { uri: "http://resolved", caCerts: undefined, audience: undefined } },
  ],
  [
    "no dead-letter sink that only the status still has",
    GOOD,
    { delivery: { retry: 1 }, status: RESOLVED },
    { retry: 1 },
  ],
])("gives a subscriber %s", (_, entry, surroundings, wanted) => {
  const { subscribers, refusals } = parsed([entry], surroundings);
  expect(refusals).toEqual([]);
  expect(subscribers[0]?.delivery).toEqual({ ...NO_DELIVERY, ...wanted });
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
