import { expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import type { Refusal } from "../../../src/api/settings.ts";
import {
  REFUSED_CHANNELS,
  REFUSED_CONSUMER_TEMPLATES,
  REFUSED_STREAM_CONFIGS,
} from "../../support/refused-channels.ts";

const jetstream = { subjectPrefix: "", streamPrefix: "" };

const CONFIG = "spec.stream.config";
const TEMPLATE = "spec.consumerConfigTemplate";

it.each(REFUSED_STREAM_CONFIGS)("refuses the stream configuration %j", (config, sentence) => {
  expect(faultsOf({ spec: { stream: { config } } })).toEqual([startingWith(CONFIG + sentence)]);
});

it.each(REFUSED_CONSUMER_TEMPLATES)("refuses the consumer template %j", (template, sentence) => {
  const object = { spec: { consumerConfigTemplate: template } };
  expect(faultsOf(object)).toEqual([startingWith(TEMPLATE + sentence)]);
});

// Of these the API server has rules of its own.
it.each<[object, string]>([
  [{ apiVersion: "v1" }, 'apiVersion: "messaging.knative.dev/v1alpha1" expected, got "v1"'],
  [{ kind: undefined }, 'kind: "NatsJetStreamChannel" expected, got nothing'],
  [{ metadata: undefined }, "metadata: required: an object"],
  [{ metadata: {} }, "metadata.name: required: a text"],
  [{ metadata: { name: "orders", namespace: "a.b" } }, "metadata.namespace: a DNS-1123 label"],
  [
    { metadata: { name: "orders", generation: -1 } },
    "metadata.generation: at least 0 expected, got -1",
  ],
  [
    { metadata: { name: "orders", annotations: { a: true } } },
    "metadata.annotations.a: a text expected, got true",
  ],
])("refuses an object with %j", (object, sentence) => {
  expect(faultsOf(object)).toEqual([startingWith(sentence)]);
});

it.each(REFUSED_CHANNELS)("refuses the channel with %j", (object, sentence) => {
  expect(faultsOf(object)).toEqual([startingWith(sentence)]);
});

it("reports every fault of a channel at once, the subscribers' included", () => {
  const object = {
    apiVersion: "v2",
    metadata: { name: "orders", namespace: "My_NS" },
    spec: {
      stream: {
        overrideName: "a b",
        config: {
          storage: "disk",
          maxMsgs: "many",
          maxAge: "1m",
          duplicateWindow: "2m",
          mirror: { name: "A" },
          sources: [{ name: 5 }],
          additionalSubjects: ["My_NS.orders.*"],
        },
      },
      consumerConfigTemplate: { ackWait: 5, deliverPolicy: "ByStartTime", backoff: [] },
      subscribers: [{ uid: "good", subscriberUri: "http://a" }, { uid: "bad" }],
    },
  };
  const parsed = parseChannel({ ...valid(), ...object }, { jetstream });
  expect(parsed.ok).toBe(false);
  expect(parsed.refusals.map(({ path }) => path).sort()).toEqual([
    "apiVersion",
    "metadata.namespace",
    "spec.consumerConfigTemplate.ackWait",
    "spec.consumerConfigTemplate.backoff",
    "spec.consumerConfigTemplate.optStartTime",
    "spec.stream.config.additionalSubjects",
    "spec.stream.config.additionalSubjects[0]",
    "spec.stream.config.duplicateWindow",
    "spec.stream.config.maxMsgs",
    "spec.stream.config.sources",
    "spec.stream.config.sources[0].name",
    "spec.stream.config.storage",
    "spec.stream.overrideName",
    "spec.subscribers[1].subscriberUri",
  ]);
});

it("repeats no more than a part of a long value", () => {
  const [sentence] = faultsOf({ spec: { stream: { config: { storage: "x".repeat(10_000) } } } });
  expect(sentence?.length).toBeLessThan(200);
});

it("refuses a value that holds itself, as a YAML alias can make one", () => {
  const kind: unknown[] = [];
  kind.push(kind);
  expect(faultsOf({ kind })).toEqual(['kind: "NatsJetStreamChannel" expected, got a list']);
});

function valid(): object {
  return {
    apiVersion: "messaging.knative.dev/v1alpha1",
    kind: "NatsJetStreamChannel",
    metadata: { name: "orders" },
  };
}

function faultsOf(object: object): string[] {
  const parsed = parseChannel({ ...valid(), ...object }, { jetstream });
  const refusals: Refusal[] = parsed.ok ? [] : parsed.refusals;
  return refusals.map(({ path, reason }) => `${path}: ${reason}`);
}

function startingWith(text: string): unknown {
  return expect.stringMatching(new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`));
}
