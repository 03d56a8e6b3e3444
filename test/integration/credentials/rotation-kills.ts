/** Tests of a rotation that kill -9 ends at each of its steps, for one way to log in. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GatedConnection } from "../../support/connection-gate.ts";
import { eventually } from "../../support/eventually.ts";
import type { Values } from "../../support/secret-files.ts";
import {
  type RotationWorld,
  type ServerConnection,
  saysThatItKeepsTheOld,
  startRotationWorld,
  type Way,
} from "./rotation-world.ts";

/** Says what is particular about a way to log in. */
export interface Particulars {
  /** The word (see connection-gate.ts) with which the client logs in; the second one over TLS. */
  loginWord: 1 | 2;
  /** Of a Secret with two values: the one that is written first. */
  firstHalf?: (secrets: Values) => Values;
}

/** Brings a rotation to a step; `fresh` is the new connection, which waits at the gate. */
type Bring = (world: RotationWorld, fresh: GatedConnection, before: number) => Promise<void>;

const within = 15_000;

function steps({ loginWord }: Particulars, { isExclusive }: Way): [string, Bring][] {
  const all: [string, Bring][] = [
    ["before its new connection reaches the server", async () => undefined],
    [
      "when the server has taken the new login, and it does not know yet",
      async (world, fresh, before) => {
        await fresh.pass({ word: loginWord, holds: "to-client" });
        await newConnection(world, before, ({ subscriptions }) => subscriptions === 0);
      },
    ],
  ];
  if (loginWord === 1) {
    all.push([
      "when its new connection is made, and nothing has moved to it",
      async (world, fresh, before) => {
        await fresh.pass({ word: 2, holds: "to-server" });
        await newConnection(world, before, ({ subscriptions }) => subscriptions === 0);
      },
    ]);
  }
  // A server that takes one login at a time leaves no old connection to drain.
  if (!isExclusive) {
    all.push([
      "while its old connection drains",
      async (world, fresh, before) => {
        await moveWhileOldHolds(world, fresh, before);
      },
    ]);
  }
  return all;
}

/** Lets the rotation go on, while nothing passes on the old connection: its drain does not end. */
export async function moveWhileOldHolds(
  world: RotationWorld,
  fresh: GatedConnection,
  before: number,
): Promise<GatedConnection[]> {
  const old = [...world.gate.open].filter((one) => one !== fresh);
  for (const connection of old) connection.hold();
  await fresh.pass();
  await newConnection(world, before, ({ subscriptions }) => subscriptions > 0);
  expect(await world.connections()).toHaveLength(2);
  return old;
}

/** Waits until the server knows a connection that is newer, has logged in, and is as said. */
async function newConnection(
  world: RotationWorld,
  before: number,
  isAsSaid: (connection: ServerConnection) => boolean,
): Promise<void> {
  const isThere = async () =>
    (await world.connections()).some(
      (one) => one.cid > before && one.name !== undefined && isAsSaid(one),
    );
  await eventually(isThere, { within, what: "the server to have the new connection" });
}

/** Gives the newest of the dispatcher's connections, by the server's count. */
export async function newestConnection(world: RotationWorld): Promise<number> {
  return Math.max(...(await world.connections()).map(({ cid }) => cid));
}

/** Defines the tests for one way to log in. */
export function describeKills(name: string, way: Way, particulars: Particulars): void {
  describe(`a rotation of ${name} under load`, () => {
    let world: RotationWorld;

    beforeAll(async () => {
      world = await startRotationWorld(way);
    });

    afterAll(() => world.stop());

    it.each(steps(particulars, way))("is finished after kill -9 %s", async (_, bring) => {
      const before = await newestConnection(world);
      const fresh = await world.rotate();
      await bring(world, fresh, before);
      await world.killAndStart();
      await world.isLoggedIn();
    });

    const { firstHalf } = particulars;
    if (firstHalf !== undefined) {
      it("is finished when the second of its files comes after kill -9", async () => {
        await world.putFirst(firstHalf);
        await saysThatItKeepsTheOld(world.dispatcher);
        await world.killAndStart({ untilReady: false });
        const what = "the dispatcher to say that it cannot connect";
        const says = ({ msg = "" }) => msg.startsWith("cannot connect to nats");
        await world.dispatcher.waitForLog(says, { within, what });
        await world.putRest();
        await world.isLoggedIn();
      });
    }

    it("has lost nothing that was acknowledged", async () => {
      await world.judge(`kill -9 in a rotation of ${name}`);
    });
  });
}
