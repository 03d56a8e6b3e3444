import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { moveWhileOldHolds, newestConnection } from "./rotation-kills.ts";
import { type RotationWorld, SECRET, startRotationWorld } from "./rotation-world.ts";

let world: RotationWorld;

beforeEach(async () => {
  world = await startRotationWorld({
    login: { auth: { usernamePassword: { secret: { secretName: SECRET } } } },
    server: () =>
      `authorization { users: [ { user: first, password: one }, { user: second, password: two } ] }`,
    secrets: [
      { username: "first", password: "one" },
      { username: "second", password: "two" },
    ],
    users: ["first", "second"],
  });
});

afterEach(() => world.stop());

it.each([
  ["dies", true],
  // A server that does not answer is noticed within about six seconds.
  ["never ends", false],
])(
  "a rotation whose old connection %s while it is drained loses nothing, and the next one works",
  async (_, dies) => {
    const before = await newestConnection(world);
    const old = await moveWhileOldHolds(world, await world.rotate(), before);
    if (dies) for (const connection of old) connection.cut();
    await eventually(() => world.gate.open.size === 1, {
      within: 60_000,
      what: "the old connection to be left",
    });
    await world.isLoggedIn();
    const next = await world.rotate();
    await next.pass();
    await world.isLoggedIn();
    await world.judge("a faulty drain of the old connection");
    // The connection that was left is none that was lost.
    const { logs } = world.dispatcher;
    expect(logs.filter(({ msg }) => msg === "connection to nats lost")).toEqual([]);
  },
);
