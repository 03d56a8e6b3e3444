import { afterEach, beforeEach, expect, it } from "vitest";
import { Connection } from "../../../src/nats/connection.ts";
import type { Login } from "../../../src/nats/login.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

let server: NatsServer;
let connection: Connection;
let changed: () => void;
/** What the login's files hold, or what is wrong with them. */
let files: { user: string } | Error;
let attempts: number;

const login: Login = {
  async options() {
    attempts += 1;
    if (files instanceof Error) throw files;
    const { user } = files;
    return { authenticator: () => ({ user, pass: "secret" }) };
  },
  expiries: async () => [],
  explain: async (error) => String(error),
  watch(onChange) {
    changed = onChange;
    return () => undefined;
  },
};

function change(to: typeof files): void {
  files = to;
  changed();
}

async function users(): Promise<(string | undefined)[]> {
  const response = await fetch(`${server.monitorUrl}/connz?auth=true`);
  const body = (await response.json()) as { connections: { authorized_user?: string }[] };
  return body.connections.map(({ authorized_user }) => authorized_user);
}

const hasUser = (user: string) =>
  eventually(async () => expect(await users()).toEqual([user]), {
    within: 20_000,
    what: `one connection, of ${user}`,
  });

beforeEach(async () => {
  server = await startNatsServer({
    config:
      "authorization { users: [{ user: old, password: secret }, { user: new, password: secret }] }",
  });
  const log = createLogger({ name: "test", level: "silent" });
  connection = new Connection({ servers: [server.url], name: "test", log, login });
  files = { user: "old" };
  attempts = 0;
});

afterEach(async () => {
  await connection.close();
  await server.stop();
});

it("a login that changes while a connection is being opened is gone over to right after", async () => {
  await server.pause();
  connection.start();
  await eventually(() => attempts === 1, { within: 10_000, what: "the attempt" });
  change({ user: "new" });
  server.resume();
  await hasUser("new");
});

it("a changed login that does not work is said, tried again and gone over to when it works", async () => {
  connection.start();
  await hasUser("old");
  change(new Error("the file is not there"));
  await eventually(() => connection.state.changedLogin === "the file is not there", {
    within: 10_000,
    what: "the state to say so",
  });
  expect(connection.state.state).toBe("connected");
  // Nobody tells of this one: the server, or a network drive, has come round.
  files = { user: "new" };
  await hasUser("new");
  expect(connection.state.changedLogin).toBeUndefined();
});

it("a changed login that does not work is not waited for when it changes again", async () => {
  connection.start();
  await hasUser("old");
  change(new Error("the file is not there"));
  // By then the next attempt is seconds away.
  await eventually(() => attempts >= 4, { within: 20_000, what: "some attempts" });
  const before = performance.now();
  change({ user: "new" });
  await eventually(() => connection.state.changedLogin === undefined, {
    within: 10_000,
    what: "the login to be taken",
  });
  expect(performance.now() - before).toBeLessThan(1_000);
});

it("an end while a connection is being opened ends the attempts, too", async () => {
  const told: string[] = [];
  connection.listen({
    failing: () => told.push("failing"),
    connected: () => told.push("connected"),
  });
  await server.pause();
  connection.start();
  await eventually(() => attempts === 1, { within: 10_000, what: "the attempt" });
  await connection.close();
  server.resume();
  await eventually(async () => expect(await users()).toEqual([]), {
    within: 10_000,
    what: "no connection",
  });
  expect({ told, attempts }).toEqual({ told: [], attempts: 1 });
});
