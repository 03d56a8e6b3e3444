import type { JetStreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { eventually } from "../../support/eventually.ts";
import {
  channelPermissions,
  dispatcherPermissions,
  dispatcherUser,
  documentedConfig,
  explainedSubjects,
  nscPermissions,
  type Permissions,
  permissionsText,
} from "./documented-permissions.ts";
import {
  ADMIN_USER,
  liveOnce,
  ordersChannel,
  type PermittedWorld,
  sendsAndDelivers,
  startPermittedWorld,
} from "./permitted-world.ts";

const within = 20_000;

function usersConfig(permissions: Permissions): string {
  const user = `{ user: dispatcher, password: secret, ${permissionsText(permissions)} }`;
  return `authorization { users: [ ${ADMIN_USER}, ${user} ] }`;
}

it("has one list of permissions for nats-server.conf and for nsc, and explains each", () => {
  const { publish, subscribe } = dispatcherPermissions;
  expect(publish.length).toBeGreaterThan(5);
  expect(nscPermissions).toEqual(dispatcherPermissions);
  expect(explainedSubjects).toEqual([...publish, ...subscribe]);
});

describe("a dispatcher with the documented user", () => {
  let world: PermittedWorld;
  beforeAll(async () => {
    const config = documentedConfig
      .replace("$DISPATCHER_PASSWORD", "secret")
      .replace("users: [", `users: [ ${ADMIN_USER}, ${dispatcherUser("next")},`);
    world = await startPermittedWorld({ config, user: "dispatcher" });
  });
  afterAll(() => world.stop());

  it("makes, serves, edits and deletes a channel", async () => {
    await liveOnce(world, "KN_SHOP__ORDERS");
    await world.expectNoViolation();
  });

  it("adopts a stream, carries on from a push consumer, and takes filter subjects", async () => {
    const { jsm, plane, sink } = world;
    await jsm.streams.add({ name: "THEIRS", subjects: ["theirs.>"] });
    await leaveAsGoDoes(jsm);
    const subscribers = [aSubscriber({ uid: "one", uri: sink.url })];
    const filters = { filterSubjects: ["default.filtered._knative", "default.other"] };
    const single = { filterSubject: "default.single._knative" };
    await world.write(
      aChannel({ name: "theirs", spec: { stream: { overrideName: "THEIRS" }, subscribers } }),
      aChannel({ name: "gone", spec: { subscribers } }),
      aChannel({ name: "filtered", spec: { consumerConfigTemplate: filters, subscribers } }),
      aChannel({ name: "single", spec: { consumerConfigTemplate: single, subscribers } }),
    );
    for (const name of ["theirs", "gone", "filtered", "single"]) {
      const client = plane.client(name);
      await eventually(async () => (await client.sendBinary({ id: name })).status === 202, {
        within,
        what: `the channel ${name} to take an event`,
      });
    }
    await eventually(
      () => ["theirs", "gone", "filtered", "single"].every((id) => sink.ids.includes(id)),
      {
        within,
        what: "the events",
      },
    );
    expect(
      (await jsm.consumers.info("KN_DEFAULT__GONE", "KN_SUB_ONE")).config.deliver_subject,
    ).toBe(undefined);
    await world.expectNoViolation();
  });

  it("goes on after its login was replaced by another with the same permissions", async () => {
    await world.write(ordersChannel(world.sink));
    await sendsAndDelivers(world, "before");
    const { logs } = world.plane.dispatcher;
    const connections = logs.filter(({ msg }) => msg === "connected to nats").length;
    await world.logInAs("next");
    await eventually(
      () => logs.filter(({ msg }) => msg === "connected to nats").length > connections,
      { within, what: "the new connection" },
    );
    await sendsAndDelivers(world, "after");
    await world.expectNoViolation();
  });
});

/** Makes the stream and the push consumer of the channel default/gone as the Go implementation leaves them. */
async function leaveAsGoDoes(jsm: JetStreamManager): Promise<void> {
  const stream = "KN_DEFAULT__GONE";
  await jsm.streams.add({ name: stream, subjects: ["default.gone._knative"] });
  await jsm.consumers.add(stream, {
    durable_name: "KN_SUB_ONE",
    deliver_subject: "default.gone._knative_consumer.one",
    ack_policy: "explicit",
  });
}

const V2_ACKS = "feature_flags { js_ack_fc_v2: true }";
const withPrefix = inPublish("*.*._knative", "east.*.*._knative", dispatcherPermissions);

/** Replaces the beginning of subjects to publish to. */
function inPublish(from: string, to: string, { publish, subscribe }: Permissions): Permissions {
  return { subscribe, publish: publish.map((subject) => subject.replace(from, to)) };
}

it.each([
  {
    name: "with prefixes, the domain of the server, and settlements of the second form",
    permissions: withPrefix,
    domain: "hub",
    naming: { domain: "hub", subjectPrefix: "east", streamPrefix: "EAST_" },
    more: V2_ACKS,
    stream: "EAST_KN_SHOP__ORDERS",
  },
  {
    name: "in the domain of a server that it reaches through a leaf node",
    permissions: inPublish("$JS.API.", "$JS.hub.API.", dispatcherPermissions),
    domain: "leaf",
    hubDomain: "hub",
    naming: { domain: "hub" },
    stream: "KN_SHOP__ORDERS",
  },
  {
    name: "with the permissions for one channel",
    permissions: channelPermissions,
    stream: "KN_SHOP__ORDERS",
  },
  {
    name: "with the permissions for one channel, and settlements of the second form",
    permissions: channelPermissions,
    more: V2_ACKS,
    stream: "KN_SHOP__ORDERS",
  },
])("serves a channel $name", async ({ permissions, more = "", stream, ...options }) => {
  const config = `${usersConfig(permissions)}\n${more}`;
  const world = await startPermittedWorld({ config, user: "dispatcher", ...options });
  try {
    await liveOnce(world, stream);
    await world.expectNoViolation();
  } finally {
    await world.stop();
  }
});
