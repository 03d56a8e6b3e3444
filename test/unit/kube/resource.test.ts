import { describe, expect, it } from "vitest";
import { RESOURCES } from "../../../src/kube/objects.ts";
import {
  apiVersionOf,
  keyOf,
  nameFromKey,
  type ObjectName,
  pathOf,
  type Resource,
  words,
} from "../../../src/kube/resource.ts";

describe("a path", () => {
  const rows: [Resource, Partial<ObjectName>, string | undefined, string][] = [
    [RESOURCES.configMaps, {}, undefined, "/api/v1/configmaps"],
    [RESOURCES.configMaps, { namespace: "ns" }, undefined, "/api/v1/namespaces/ns/configmaps"],
    [
      RESOURCES.configMaps,
      { namespace: "ns", name: "a" },
      undefined,
      "/api/v1/namespaces/ns/configmaps/a",
    ],
    [RESOURCES.namespaces, { name: "ns" }, undefined, "/api/v1/namespaces/ns"],
    [
      RESOURCES.deployments,
      { namespace: "ns", name: "a" },
      "status",
      "/apis/apps/v1/namespaces/ns/deployments/a/status",
    ],
    [RESOURCES.namespaces, { name: "../b" }, undefined, "/api/v1/namespaces/..%2Fb"],
    [
      { ...RESOURCES.deployments, group: "a/b", version: "v1?", plural: "../c?x=" },
      {},
      undefined,
      "/apis/a%2Fb/v1%3F/..%2Fc%3Fx%3D",
    ],
  ];
  it.each(rows)("of %o at %o (%s) is %s", (resource, at, subresource, path) => {
    expect(pathOf(resource, at, subresource)).toBe(path);
  });
});

describe("the words for", () => {
  it.each([
    ["one object", RESOURCES.configMaps, { namespace: "ns", name: "a" }, "configmaps ns/a"],
    ["a cluster-scoped object", RESOURCES.namespaces, { name: "a" }, "namespaces a"],
    ["a namespace", RESOURCES.configMaps, { namespace: "ns" }, "configmaps of ns"],
    ["all namespaces", RESOURCES.configMaps, {}, "configmaps of all namespaces"],
  ])("%s", (_, resource, at, expected) => {
    expect(words(resource as Resource, at)).toBe(expected);
  });
});

it.each([
  ["ns/a", { namespace: "ns", name: "a" }],
  ["a", { name: "a" }],
])("the key %s names its object", (key, metadata) => {
  expect(keyOf({ metadata })).toBe(key);
  expect(nameFromKey(key)).toEqual(metadata);
});

it("the apiVersion of the core group has no group", () => {
  expect(apiVersionOf(RESOURCES.pods)).toBe("v1");
  expect(apiVersionOf(RESOURCES.deployments)).toBe("apps/v1");
});
