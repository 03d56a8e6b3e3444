/*
 * Channels that are older than our rules. The schema is put over them as an upgrade does it, in a group of the test's own: that of the channels
 * stays as it is for the other tests.
 */
import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { makeNamespace } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { createKubeClient, type KubeObject } from "../../support/kube-client.ts";
import { manifests } from "../../support/manifests.ts";
import { refusal, sentenceOf } from "./channel-api.ts";

const client = createKubeClient(inject("cluster").admin);
const group = `old-${randomInt(2 ** 32).toString(36)}.example.dev`;
const apiVersion = `${group}/v1alpha1`;
const kind = "NatsJetStreamChannel";
const crdRef = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  name: `natsjetstreamchannels.${group}`,
};

const LONG = "x".repeat(70);
const BAD_SPEC = {
  stream: {
    overrideName: "a.b",
    config: {
      storage: "Disk",
      maxAge: "1 week",
      noAck: true,
      additionalSubjects: ["a b"],
    },
  },
  consumerConfigTemplate: { ackWait: "soon" },
  delivery: { backoffDelay: "5s", timeout: "PT0S" },
};

const BAD_COMBINATION = {
  stream: {
    config: { mirror: { name: "A" }, additionalSubjects: ["a"], sources: [{ name: "B" }] },
  },
};

const OLD: [string, object?][] = [
  [LONG],
  ["1st"],
  ["bad", BAD_SPEC],
  ["combined", BAD_COMBINATION],
];
const NAMES = OLD.map(([name]) => name);

let namespace: string;

beforeAll(async () => {
  namespace = await makeNamespace(client, "old-channels");
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const properties = { spec: anything, status: anything };
  await client.create(crdWith({ type: "object", properties }));
  for (const [name, spec] of OLD) {
    const create = () => client.create(channel(name, spec));
    await eventually(create, { within: 30_000, what: "the old API" });
  }
  const { metadata } = await client.get(crdRef);
  const { spec } = crdWith(undefined);
  await client.replace({ ...crdRef, metadata: { ...metadata }, spec } as KubeObject);
  await eventually(async () => (await refusal(client, channel("new", BAD_SPEC))) !== undefined, {
    within: 30_000,
    what: "the new schema",
  });
});

afterAll(async () => {
  await client.delete(crdRef);
  await client.close();
});

describe.each(NAMES)("the old channel %s, which could not be created today", (name) => {
  it.each<[string, object]>([
    ["labels", { metadata: { labels: { team: "shop" } } }],
    ["annotations", { metadata: { annotations: { "messaging.knative.dev/subscribable": "v1" } } }],
    ["a finalizer", { metadata: { finalizers: ["natsjetstreamchannels.messaging.knative.dev"] } }],
    ["Knative's subscribers", { spec: { subscribers: [{ uid: "a", subscriberUri: "http://a" }] } }],
    ["more subscribers", { spec: { subscribers: [{ uid: "a" }, { uid: "b" }] } }],
    ["another retry", { spec: { delivery: { retry: 3 } } }],
    ["another cap", { spec: { consumerConfigTemplate: { maxDeliver: 5 } } }],
  ])("still gets %s", async (_, patch) => {
    expect(await sentenceOf(client.patch(ref(name), patch))).toBeUndefined();
  });

  it("still gets its status, by server-side apply of two managers", async () => {
    for (const [fieldManager, type] of [
      ["dispatcher", "StreamReady"],
      ["controller", "Ready"],
    ] as const) {
      const status = { conditions: [{ type, status: "False", reason: "SpecRefused" }] };
      await client.apply(
        { apiVersion, kind, metadata: { name, namespace }, status },
        { subresource: "status", fieldManager, force: true },
      );
    }
    const { status } = await client.get(ref(name));
    expect(status).toMatchObject({ conditions: [{ type: "StreamReady" }, { type: "Ready" }] });
  });
});

describe("an old channel with bad values", () => {
  it.each<[string, object, string]>([
    ["another bad value", { stream: { config: { storage: "Tape" } } }, "storage"],
    ["a further bad value", { stream: { config: { discard: "All" } } }, "discard"],
    [
      "a change of a bad list",
      { stream: { config: { additionalSubjects: ["c d"] } } },
      "additionalSubjects",
    ],
  ])("cannot get %s", async (_, spec, field) => {
    expect(await sentenceOf(client.patch(ref("bad"), { spec }))).toContain(field);
  });

  it("has to be rid of a bad combination with the next edit of what is combined", async () => {
    const patch = (config: object) =>
      sentenceOf(client.patch(ref("combined"), { spec: { stream: { config } } }));
    expect(await patch({ maxMsgs: 5 })).toContain("cannot be given beside mirror");
    const without = { additionalSubjects: null, sources: null };
    expect(await patch({ maxMsgs: 5, ...without })).toBeUndefined();
  });

  it("can be put right field by field", async () => {
    const steps = [
      { stream: { config: { maxAge: "168h" } } },
      { stream: { config: { noAck: false } } },
      { stream: { overrideName: "A" } },
      { consumerConfigTemplate: { ackWait: null } },
      { stream: { config: { storage: "File", additionalSubjects: null } } },
      { delivery: { backoffDelay: "PT5S", timeout: "PT5S" } },
    ];
    for (const spec of steps) {
      expect(await sentenceOf(client.patch(ref("bad"), { spec }))).toBeUndefined();
    }
  });
});

it.each(NAMES)("the old channel %s can go: its finalizer can be removed", async (name) => {
  await client.patch(ref(name), { metadata: { finalizers: ["a.example.dev/b"] } });
  await client.delete(ref(name));
  const { metadata } = await client.get(ref(name));
  expect(metadata).toHaveProperty("deletionTimestamp");
  await client.patch(ref(name), { metadata: { finalizers: null } });
  expect(await client.find(ref(name))).toBeUndefined();
});

function ref(name: string) {
  return { apiVersion, kind, namespace, name };
}

function channel(name: string, spec: object = {}): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace }, spec };
}

interface Spec {
  versions: [{ schema: object }];
}

/** Gives our CustomResourceDefinition in the test's group, with another schema if one is given. */
function crdWith(openAPIV3Schema: object | undefined): KubeObject {
  const crd = manifests("300").find((object) => object.kind === crdRef.kind);
  if (crd === undefined) throw new Error("config/ has no CustomResourceDefinition");
  const spec = structuredClone(crd.spec) as Spec;
  if (openAPIV3Schema !== undefined) spec.versions[0].schema = { openAPIV3Schema };
  // Its short names are taken by the real one.
  const names = { kind, plural: "natsjetstreamchannels", singular: "natsjetstreamchannel" };
  return { ...crd, metadata: { name: crdRef.name }, spec: { ...spec, group, names } };
}
