import { afterAll, beforeAll, expect, it } from "vitest";
import { aSubscriber } from "../../support/channels-file.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { settingsFor } from "../stream/jetstream-world.ts";
import { type FlowOne, startFlowOne } from "./flow-one.ts";

let nats: NatsServer;
let flow: FlowOne;

beforeAll(async () => {
  nats = await startNatsServer();
  flow = await startFlowOne(nats.url);
});

afterAll(async () => {
  await flow.stop();
  await nats.stop();
});

const uids = ["one", "two", "three"];

async function serve(deliverPolicy: string) {
  const subscribers = uids.map((uid) => aSubscriber({ uid, uri: "http://127.0.0.1:9" }));
  const consumerConfigTemplate = { deliverPolicy };
  const settings = settingsFor({ name: "shared", spec: { consumerConfigTemplate, subscribers } });
  flow.said.channels.set(settings.key, settings);
  await flow.reconciler.reconcile(settings.key);
  return flow.reconciler.served.get(settings.key)?.status;
}

it("an edit that no consumer takes is told once of the channel, and of each subscriber, who stays ready", async () => {
  await serve("All");
  const status = await serve("New");
  const path = "spec.consumerConfigTemplate.deliverPolicy";
  const reason = expect.stringMatching(
    /^"all" stays, "new" is not applied: where and how a consumer/,
  );
  expect(status).toMatchObject({ ready: true, unapplied: [{ path, reason }] });
  expect(status?.unapplied).toHaveLength(1);
  for (const uid of uids) {
    expect(status?.subscribers.get(uid)).toMatchObject({
      ready: true,
      message: expect.stringMatching(/^spec\.consumerConfigTemplate\.deliverPolicy: "all" stays/),
    });
  }
});
