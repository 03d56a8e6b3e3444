/**
 * What configuration does to dispatchers that run: they take over all but what Pods have from their beginning, and no Pod is replaced for it.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { RunningPod } from "../../support/kubelet/running-pod.ts";
import {
  aChannelObject,
  channelRef,
  DISPATCHER,
  type OperatorWorld,
  startOperatorWorld,
  untilReady,
} from "../faults/operator-world.ts";
import { type ServiceLoad, startServiceLoad } from "../faults/service-load.ts";

const SYSTEM = "knative-eventing";
const within = 60_000;

let world: OperatorWorld;
let namespace: string;
let url: string;

beforeAll(async () => {
  world = await startOperatorWorld();
  namespace = await world.makeNamespace("live");
  await world.client.create(aChannelObject(namespace, "orders"));
  const subscribers = [{ uid: "orders", generation: 1, subscriberUri: `${world.sink.url}/orders` }];
  await world.knative.patch(channelRef(namespace, "orders"), { spec: { subscribers } });
  url = await untilReady(world.client, [namespace, "orders"]);
});

afterAll(async () => {
  for (const name of ["config-logging", "config-observability"]) {
    await world?.client.delete(configMapRef(name));
  }
  await world?.client.delete({ ...configMapRef("nats-login"), kind: "Secret" });
  await world?.stop();
});

const configMapRef = (name: string) => ({
  ...{ apiVersion: "v1", kind: "ConfigMap" },
  ...{ namespace: SYSTEM, name },
});

async function say(name: string, data: Record<string, string>): Promise<void> {
  const { namespace: where, ...ref } = configMapRef(name);
  const metadata = { namespace: where, name };
  const object = { apiVersion: ref.apiVersion, kind: ref.kind, metadata, data };
  // A key that is no longer said has to go.
  await world.client.delete(configMapRef(name));
  await world.client.create(object);
}

const configure = (...lines: string[]) =>
  world.client.patch(configMapRef("config-jetstream"), {
    data: { "eventing-jetstream": [`url: ${world.nats.url}`, ...lines].join("\n") },
  });

function only(role: "controller" | "dispatcher"): RunningPod {
  const [pod, ...more] = world.pods(role, SYSTEM);
  if (pod === undefined || more.length > 0) throw new Error(`one ${role} expected`);
  return pod;
}

async function ask(pod: RunningPod, path: string): Promise<string> {
  const answer = await fetch(`http://${pod.addressOf("admin")}${path}`);
  return `${answer.status} ${await answer.text()}`;
}

const says = (pod: RunningPod, path: string, words: string | RegExp) =>
  eventually(async () => expect(await ask(pod, path)).toMatch(words), {
    ...{ within, what: `${pod.name} to say ${words} at ${path}` },
  });

const logs = (pod: RunningPod, msg: string, fields: object = {}) =>
  eventually(() => expect(pod.logs).toContainEqual(expect.objectContaining({ msg, ...fields })), {
    ...{ within, what: `${pod.name} to log "${msg}"` },
  });

async function replicaSets(): Promise<number> {
  const { items } = await world.client.list<{ metadata: { name: string } }>({
    ...{ apiVersion: "apps/v1", kind: "ReplicaSet", namespace: SYSTEM },
  });
  return items.filter(({ metadata }) => metadata.name.startsWith(`${DISPATCHER}-`)).length;
}

async function judge(load: ServiceLoad): Promise<void> {
  await load.flows();
  await load.finish();
  expect([...load.refused]).toEqual([]);
  const { acknowledged, receivers } = load.ledger.summary();
  console.info(JSON.stringify({ acknowledged, ...receivers.orders }));
  expect(receivers.orders).toMatchObject({ missing: 0, unknown: 0 });
}

const startLoad = async () => {
  const load = await startServiceLoad(world, { url, receiver: "orders" });
  await load.flows();
  return load;
};

it("settings of config-jetstream count in the Pods that run, and nothing is lost or refused", async () => {
  const pod = only("dispatcher");
  const load = await startLoad();
  await configure("dispatch: { memory: 32Mi, concurrency: 3, maxEventSize: 100Ki }");
  await says(pod, "/metrics", /^jetstream_channel_memory_bound_bytes 33554432$/m);
  await configure("dispatch: { memory: 33Mi }");
  await says(pod, "/metrics", /^jetstream_channel_memory_bound_bytes 34603008$/m);
  await configure("dispatch: { memori: 34Mi }");
  await says(pod, "/readyz", /^200 ok\nconfiguration: .*unknown key "memori"; allowed: timeout/s);
  await judge(load);
  expect([only("dispatcher").uid, pod.restarts]).toEqual([pod.uid, 0]);
  await configure();
  await says(pod, "/readyz", /^200 ok\n$/);
  expect(await replicaSets()).toBe(1);
});

it("Knative's config-logging sets the level of both programs while they run", async () => {
  const pods = [only("controller"), only("dispatcher")] as const;
  const [, dispatcher] = pods;
  const serve = async (name: string) => {
    await world.client.create(aChannelObject(namespace, name));
    await untilReady(world.client, [namespace, name]);
  };
  const served = (name: string) =>
    dispatcher.logs.some(
      ({ msg, channel }) => msg === "channel is served" && channel === `${namespace}/${name}`,
    );
  await say("config-logging", {
    "zap-logger-config": '{"level": "error"}',
    "loglevel.jetstream-channel-controller": "debug",
  });
  const [ofController, ofDispatcher] = ["debug", "error"].map((logLevel) => ({ logLevel }));
  await logs(pods[0], "log level changed", ofController);
  await logs(dispatcher, "log level changed", ofDispatcher);
  await serve("unsaid");
  await say("config-logging", { "loglevel.jetstream-channel-dispatcher": "loud" });
  await says(dispatcher, "/readyz", /^200 ok\nconfig-logging: loglevel.jetstream-channel-disp/);
  await logs(pods[0], "log level changed", { logLevel: "info" });
  await world.client.delete(configMapRef("config-logging"));
  await logs(dispatcher, "log level changed", { logLevel: "info" });
  await serve("said");
  await eventually(() => served("said"), {
    within: 20_000,
    what: "the line of what is said again",
  });
  expect(served("unsaid")).toBe(false);
  expect([only("controller").uid, only("dispatcher").uid]).toEqual(pods.map(({ uid }) => uid));
  expect(pods.map(({ restarts }) => restarts)).toEqual([0, 0]);
});

it("Knative's config-observability is taken over by both, and what is wrong or without effect is said", async () => {
  const pods = [only("controller"), only("dispatcher")];
  await say("config-observability", {
    _example: "metrics-protocol: 1",
    "metrics-protocol": "none",
  });
  for (const pod of pods) await says(pod, "/metrics", /^404 Metrics are switched off/);
  await say("config-observability", {
    "metrics-protocol": "grpc",
    "metrics-endpoint": "collector:4317",
    "tracing-protocol": "grpc",
    "tracing-endpoint": "collector:4317",
  });
  for (const pod of pods) {
    await says(pod, "/readyz", "config-observability: metrics-protocol: grpc is not supported yet");
    await says(pod, "/readyz", "config-observability: tracing-protocol: grpc is not supported");
    await says(pod, "/metrics", /^200 /);
  }
  const protocol = "stdout";
  await say("config-observability", { "tracing-protocol": protocol });
  await logs(only("dispatcher"), "spans are made", { protocol });
  await say("config-observability", { "tracing-protocol": "zipkin" });
  for (const pod of pods) {
    await says(pod, "/readyz", 'config-observability: tracing-protocol: "none", "stdout"');
  }
  await world.client.delete(configMapRef("config-observability"));
  for (const pod of pods) await says(pod, "/readyz", /^200 ok\n$/);
  expect([only("controller").uid, only("dispatcher").uid]).toEqual(pods.map(({ uid }) => uid));
});

it("another Secret is mounted by one roll; what names it does not count before, and the Secret itself changes live", async () => {
  const before = only("dispatcher");
  const sets = await replicaSets();
  const load = await startLoad();
  const secret = { ...configMapRef("nats-login"), kind: "Secret" };
  await world.client.create({
    ...{ apiVersion: "v1", kind: "Secret", metadata: { namespace: SYSTEM, name: "nats-login" } },
    stringData: { username: "a", password: "b" },
  } as never);
  await configure(
    "auth: { usernamePassword: { secret: { secretName: nats-login } } }",
    "dispatch: { memory: 40Mi }",
  );
  await says(before, "/readyz", /^200 ok\nconfiguration: Secret "nats-login" is named and not/);
  expect(await ask(before, "/metrics")).not.toContain("memory_bound_bytes 41943040");
  // Within what is collected it is one roll.
  await configure(
    "auth: { usernamePassword: { secret: { secretName: nats-login } } }",
    "tls: { caConfigMap: { name: nobody } }",
  );
  await configure(
    "auth: { usernamePassword: { secret: { secretName: nats-login } } }",
    "dispatch: { memory: 40Mi }",
  );
  const after = await eventually(
    () => {
      const pod = only("dispatcher");
      return pod.uid !== before.uid && pod;
    },
    { within, what: "another Pod alone" },
  );
  await says(after, "/metrics", /^jetstream_channel_memory_bound_bytes 41943040$/m);
  await judge(load);
  expect(await replicaSets()).toBe(sets + 1);
  await world.client.patch(secret, { stringData: { password: "c" } });
  await logs(after, "login to nats changed, going over to a new connection");
  expect(only("dispatcher").uid).toBe(after.uid);
});
