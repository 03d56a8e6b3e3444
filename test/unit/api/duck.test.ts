import { expect, it } from "vitest";
import {
  Addressable,
  Condition,
  DeliverySpec,
  Destination,
  SubscriberSpec,
  SubscriberStatus,
} from "../../../src/api/duck.ts";

it.each([
  ["Destination", Destination, { uri: "http://a", CACerts: "", audience: "me", later: 1 }],
  [
    "Destination by reference",
    Destination,
    { ref: { kind: "Service", name: "a", address: "x" }, uri: "/path" },
  ],
  [
    "DeliverySpec",
    DeliverySpec,
    {
      retry: 0,
      timeout: "PT1S",
      backoffPolicy: "linear",
      backoffDelay: "PT0S",
      retryAfterMax: "PT0S",
      format: "json",
      later: {},
    },
  ],
  [
    "SubscriberSpec",
    SubscriberSpec,
    {
      uid: "a",
      generation: 3,
      subscriberUri: "http://a",
      auth: { serviceAccountName: "x" },
      later: [],
    },
  ],
  ["Addressable", Addressable, { name: "http", url: "http://a", later: true }],
  ["Condition", Condition, { type: "Ready", status: "Unknown", severity: "Warning", later: "x" }],
  [
    "SubscriberStatus",
    SubscriberStatus,
    { uid: "a", ready: "True", observedGeneration: 1, later: 0 },
  ],
])("lets a %s pass as it is, fields of a later Knative included", (_, schema, value) => {
  expect(schema.parse(value)).toEqual(value);
});

it.each([
  ["Destination", Destination, {}],
  ["Destination", Destination, { uri: "" }],
  ["Destination", Destination, { uri: "/path" }],
  ["DeliverySpec", DeliverySpec, { retry: -1 }],
  ["DeliverySpec", DeliverySpec, { retry: 2 ** 31 }],
  ["SubscriberSpec", SubscriberSpec, { uid: "a" }],
  ["Addressable", Addressable, {}],
  ["Condition", Condition, { type: "Ready", status: "true" }],
  ["SubscriberStatus", SubscriberStatus, { ready: "True" }],
])("refuses the %s %#", (_, schema, value) => {
  expect(schema.safeParse(value).success).toBe(false);
});
