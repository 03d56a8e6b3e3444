import { expect, it } from "vitest";
import { findNatsConfig } from "../../../src/controller/nats-source.ts";
import type { Deployment } from "../../../src/kube/objects.ts";

const ours = { name: "config-jetstream", key: "eventing-jetstream" };
const gos = { name: "config-nats", key: "eventing-nats" };
const chosen = { name: "chosen", key: "eventing-jetstream" };

const mounting = (name: string) =>
  ({
    spec: { template: { spec: { volumes: [{ name: "config", configMap: { name } }] } } },
  }) as Deployment;

it.each([
  ["ours when it is there", ours.name, [ours.name, gos.name], undefined, ours, 0],
  ["the Go implementation's when ours is not", ours.name, [gos.name], undefined, gos, 1],
  ["the Go implementation's while it is mounted", ours.name, [gos.name], gos.name, gos, 1],
  ["ours when there is none", ours.name, [], undefined, ours, 0],
  ["ours when it was deleted under a dispatcher", ours.name, [gos.name], ours.name, ours, 0],
  ["one that was chosen, though it is not there", "chosen", [gos.name], undefined, chosen, 0],
])("takes %s", async (_, configName, there, mounted, source, warnings) => {
  const found = await findNatsConfig(configName, {
    namespace: "n",
    deployment: mounted === undefined ? undefined : mounting(mounted),
    find: async (name) => (there.includes(name) ? { metadata: { name } } : undefined),
  });
  expect(found.source).toEqual(source);
  expect(found.configMap?.metadata?.name).toBe(
    there.includes(source.name) ? source.name : undefined,
  );
  expect(found.warnings).toHaveLength(warnings);
});
