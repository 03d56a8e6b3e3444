import { expect, it } from "vitest";
import { channelCrd } from "../../../config/generate/channel-crd.ts";
import {
  type FieldSchema,
  fieldsLacking,
  specFields,
  unknownFields,
} from "../../../src/api/channel-fields.ts";

const crd = channelCrd().spec.versions[0]?.schema.openAPIV3Schema.properties?.spec as FieldSchema;

it("finds every field in the CRD that is made of the same schema", () => {
  expect(fieldsLacking(specFields(), crd, "spec")).toEqual([]);
});

it("names what a CRD lacks, and nothing below it", () => {
  const { stream, delivery, ...rest } = crd.properties ?? {};
  const config = { ...stream?.properties?.config, properties: {} };
  const older = { ...rest, delivery: {}, stream: { properties: { config } } };
  const lacking = fieldsLacking(specFields(), { properties: older }, "spec");
  expect(lacking).toContain("spec.stream.overrideName");
  expect(lacking).toContain("spec.stream.config.maxAge");
  expect(lacking).toContain("spec.delivery.retry");
  expect(lacking.filter((path) => path.startsWith("spec.stream.config.sources"))).toEqual([
    "spec.stream.config.sources",
  ]);
  expect(delivery).toBeDefined();
});

it("knows of nothing below what Kubernetes keeps as it is", () => {
  const open = { "x-kubernetes-preserve-unknown-fields": true };
  expect(fieldsLacking(specFields(), open, "spec")).toEqual([]);
});

it.each([[undefined], [null], ["text"], [[1]], [{}], [{ stream: null }]])(
  "finds no unknown field in %j",
  (spec) => {
    expect(unknownFields(spec)).toEqual([]);
  },
);

it("tells fields that are dropped from those that are kept", () => {
  const spec = { streem: 1, delivery: { retries: 1 }, subscribers: [{ uid: "a", later: 1 }] };
  expect(unknownFields(spec).map(({ path, isKept }) => [path, isKept])).toEqual([
    ["spec", false],
    ["spec.delivery", true],
    ["spec.subscribers[0]", true],
  ]);
});
