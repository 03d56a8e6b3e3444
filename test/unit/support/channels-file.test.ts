import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { afterEach, beforeEach, expect, it } from "vitest";
import { aChannel, aSubscriber, writeChannels } from "../../support/channels-file.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "channels-file-"));
});

afterEach(() => rm(folder, { recursive: true }));

it("writes channels that a YAML parser reads back, and leaves no draft beside the file", async () => {
  const subscriber = aSubscriber({
    uid: "0d1e",
    uri: "http://127.0.0.1:1/",
    delivery: { retry: 2, timeout: "PT1S" },
  });
  const channels = [
    aChannel({ name: "orders", spec: { subscribers: [subscriber] } }),
    aChannel({ name: "audit", namespace: "other" }),
  ];
  const path = join(folder, "channels.yaml");
  await writeChannels(path, channels);

  expect(loadAll(await readFile(path, "utf8"))).toEqual(channels);
  expect(await readdir(folder)).toEqual(["channels.yaml"]);
});

it("makes objects in the shape of the CRD", () => {
  expect(aChannel({ name: "orders" })).toEqual({
    apiVersion: "messaging.knative.dev/v1alpha1",
    kind: "NatsJetStreamChannel",
    metadata: { name: "orders", namespace: "default" },
    spec: {},
  });
  expect(aSubscriber({ uid: "0d1e", uri: "http://s/", replyUri: "http://r/" })).toEqual({
    uid: "0d1e",
    generation: 1,
    subscriberUri: "http://s/",
    replyUri: "http://r/",
  });
});

it("gives each subscriber a uid of its own", () => {
  expect(aSubscriber({}).uid).not.toBe(aSubscriber({}).uid);
});
