import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { type StandaloneWorld, startStandalone } from "../standalone/standalone-world.ts";

const WITHIN = 20_000;
const SIDES = ["east", "west"] as const;
type Side = (typeof SIDES)[number];

let nats: NatsServer;
const sinks = {} as Record<Side, EventSink>;
const worlds = {} as Record<Side, StandaloneWorld>;

/** Two clusters on one account: the same channel, the same subscriber, other prefixes. */
beforeAll(async () => {
  nats = await startNatsServer();
  for (const side of SIDES) {
    sinks[side] = await startEventSink();
    worlds[side] = await startStandalone(
      { orders: draft(side) },
      {
        nats,
        jetstream: { subjectPrefix: `plant.${side}`, streamPrefix: `${side.toUpperCase()}_` },
        env: { CLUSTER_ID: side },
      },
    );
  }
});

afterAll(async () => {
  for (const world of Object.values(worlds)) await world.stop();
  for (const sink of Object.values(sinks)) await sink.close();
  await nats?.stop();
});

function draft(side: Side, description?: string) {
  const stream = { deletionPolicy: "Delete", config: { description } };
  return { spec: { stream }, subscribers: [{ uid: "shared", uri: sinks[side].url }] };
}

async function streams(): Promise<Record<string, unknown>> {
  const jsm = await jetstreamManager(worlds.east.dataPlane.nc);
  const found: Record<string, unknown> = {};
  for await (const { config, state } of jsm.streams.list()) {
    const { subjects, description = "" } = config;
    found[config.name] = { subjects, description, messages: state.messages };
  }
  return found;
}

const east = {
  subjects: ["plant.east.default.orders._knative"],
  description: "",
  messages: 1,
};
const west = { ...east, subjects: ["plant.west.default.orders._knative"] };

it("each has its own stream, and delivers its own events to its own subscribers", async () => {
  for (const side of SIDES) {
    const client = worlds[side].dataPlane.client("orders");
    expect((await client.sendBinary({ id: `of ${side}` })).status).toBe(202);
  }
  for (const side of SIDES) await sinks[side].waitFor(1);
  for (const side of SIDES) expect(sinks[side].ids).toEqual([`of ${side}`]);
  expect(await streams()).toEqual({
    EAST_KN_DEFAULT__ORDERS: east,
    WEST_KN_DEFAULT__ORDERS: west,
  });
});

it("an edit on one side, and the end of its channel, change nothing on the other", async () => {
  await worlds.east.edit({ orders: draft("east", "of the east") });
  const edited = { ...east, description: "of the east" };
  await eventually(
    async () =>
      expect(await streams()).toEqual({
        EAST_KN_DEFAULT__ORDERS: edited,
        WEST_KN_DEFAULT__ORDERS: west,
      }),
    { within: WITHIN, what: "the edit" },
  );
  await worlds.east.edit({ orders: undefined, other: draft("east") });
  await eventually(
    async () =>
      expect(await streams()).toEqual({
        EAST_KN_DEFAULT__OTHER: {
          ...east,
          subjects: ["plant.east.default.other._knative"],
          messages: 0,
        },
        WEST_KN_DEFAULT__ORDERS: west,
      }),
    { within: WITHIN, what: "the stream to go with its channel" },
  );
  const client = worlds.west.dataPlane.client("orders");
  expect((await client.sendBinary({ id: "of west, later" })).status).toBe(202);
  await sinks.west.waitFor(2);
});
