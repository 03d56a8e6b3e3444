/** A cluster that came from the Go implementation goes back to it, with the commands of docs/migration.md. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { UID } from "../../integration/consumer/go-leftovers.ts";
import { SYSTEM_NAMESPACE } from "../../support/installation.ts";
import {
  CHANNELS,
  type Channel,
  commandsOf,
  type GoWorld,
  goBackToGo,
  installOurs,
  refOf,
  startGoWorld,
  untilServed,
} from "../whole/go-world.ts";

const DISPATCHER = "jetstream-ch-dispatcher";

let world: GoWorld;

beforeAll(async () => {
  world = await startGoWorld();
  for (const step of [2, 3]) {
    for (const command of await commandsOf(step)) await world.run(...command);
  }
  await installOurs(world);
  for (const channel of CHANNELS) await untilServed(world, channel);
  for (const command of await commandsOf(6)) await world.run(...command);
});

afterAll(async () => {
  await world?.stop();
});

it("lets the Go implementation have its channels, streams and objects back, as docs/migration.md says", async () => {
  const channels = async () =>
    await Promise.all(CHANNELS.map((channel) => world.client.get<Channel>(refOf(channel))));
  const stored = async () =>
    await Promise.all(
      CHANNELS.map(async ({ namespace, name }) => {
        const { state } = await world.jsm.streams.info(`KN_${namespace}__${name}`.toUpperCase());
        return [state.messages, state.last_seq];
      }),
    );
  const [before, events] = [await channels(), await stored()];
  await goBackToGo(world);
  expect(await stored()).toEqual(events);
  const account = `system:serviceaccount:${SYSTEM_NAMESPACE}:${DISPATCHER}`;
  const asGo = world.client.as(account);
  for (const [index, channel] of CHANNELS.entries()) {
    const found = await world.client.get<Channel>(refOf(channel));
    const { uid, finalizers, annotations } = before[index]?.metadata ?? {};
    expect(found.metadata).toMatchObject({ uid, finalizers, annotations });
    await asGo.patch(refOf(channel), { metadata: { finalizers } });
    const subscribers = [{ uid: UID, ready: "True", observedGeneration: 1 }];
    await asGo.patch({ ...refOf(channel), subresource: "status" }, { status: { subscribers } });
  }
});
