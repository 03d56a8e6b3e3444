import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { channelCrd } from "../../../config/generate/channel-crd.ts";
import { generatedManifests } from "../../../config/generate/manifests.ts";
import type { Schema } from "../../../config/generate/structural-schema.ts";
import { NatsJetStreamChannel } from "../../../src/api/channel.ts";

const folder = join(import.meta.dirname, "../../../config");

// What one object may have in etcd, and an annotation of `kubectl apply`.
const LARGEST = 256 * 1024;

const schema = channelCrd().spec.versions[0]?.schema.openAPIV3Schema ?? {};
const { spec = {}, status = {} } = schema.properties ?? {};

it.each([...generatedManifests()])("config/%s is what npm run generate writes", (name, text) => {
  expect(readFileSync(join(folder, name), "utf8")).toBe(text);
});

it.each([...generatedManifests()])("config/%s is small enough for kubectl apply", (_, text) => {
  expect(Buffer.byteLength(text)).toBeLessThan(LARGEST);
});

it("is found by Knative's controllers, and by the names that users know", () => {
  const { metadata, spec: definition } = channelCrd();
  expect(metadata).toMatchObject({
    name: "natsjetstreamchannels.messaging.knative.dev",
    labels: {
      "knative.dev/crd-install": "true",
      "messaging.knative.dev/subscribable": "true",
      "duck.knative.dev/addressable": "true",
    },
  });
  expect(definition).toMatchObject({
    scope: "Namespaced",
    names: { shortNames: ["natsjsmc"], categories: ["all", "knative", "messaging", "channel"] },
    versions: [{ name: "v1alpha1", served: true, storage: true, subresources: { status: {} } }],
  });
});

describe("the schema of a channel", () => {
  it("has the fields of the zod schema, no more and no fewer", () => {
    const { shape } = NatsJetStreamChannel;
    const zodPaths = [...fieldsOf(shape.spec, "spec"), ...fieldsOf(shape.status, "status")];
    expect([...pathsOf(spec, "spec"), ...pathsOf(status, "status")].sort()).toEqual(
      zodPaths.sort(),
    );
  });

  it("says of every field what it is", () => {
    const silent = [...described(spec, "spec"), ...described(status, "status")];
    expect(silent.filter(([, description]) => !description?.endsWith("."))).toEqual([]);
  });

  it("fills nothing in", () => {
    expect(JSON.stringify(schema)).not.toContain('"default":');
  });

  it("has no rule and no bound on the subscribers, which Knative writes as a whole", () => {
    const subscribers = JSON.stringify(spec.properties?.subscribers);
    expect(subscribers).not.toMatch(/x-kubernetes-validations|maxLength|minimum|pattern|maxItems/);
  });

  it("keeps the entries of the status apart, and each as a whole", () => {
    for (const [list, key] of [
      ["conditions", "type"],
      ["subscribers", "uid"],
    ] as const) {
      expect(status.properties?.[list]).toMatchObject({
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [key],
        items: { "x-kubernetes-map-type": "atomic" },
      });
    }
  });

  it("keeps what a later Knative may add to a delivery", () => {
    const subscriber = spec.properties?.subscribers?.items;
    for (const delivery of [spec.properties?.delivery, subscriber?.properties?.delivery]) {
      expect(delivery).toHaveProperty("x-kubernetes-preserve-unknown-fields", true);
    }
  });
});

/** Lists the paths below a zod schema, found without the JSON schema that it makes. */
function fieldsOf(zodSchema: z.core.$ZodType, path: string): string[] {
  if (zodSchema instanceof z.ZodOptional || zodSchema instanceof z.ZodDefault) {
    return fieldsOf(zodSchema.unwrap(), path);
  }
  if (zodSchema instanceof z.ZodArray) return fieldsOf(zodSchema.element, path);
  if (!(zodSchema instanceof z.ZodObject)) return [path];
  const { shape } = zodSchema;
  return [path, ...Object.keys(shape).flatMap((key) => fieldsOf(shape[key], `${path}.${key}`))];
}

function pathsOf({ items, properties = {} }: Schema, path: string): string[] {
  if (items !== undefined) return pathsOf(items, path);
  const below = Object.entries(properties).flatMap(([key, child]) =>
    pathsOf(child, `${path}.${key}`),
  );
  return [path, ...below];
}

function described(
  { description, items, properties = {} }: Schema,
  path: string,
): [string, string | undefined][] {
  const children = { ...properties, ...items?.properties };
  const below = Object.entries(children).flatMap(([key, child]) =>
    described(child, `${path}.${key}`),
  );
  return [[path, description], ...below];
}
