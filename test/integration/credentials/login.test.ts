import { inspect } from "node:util";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection, nkeys } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";
import { explainFailure, loginOptions } from "../../../src/nats/credentials.ts";
import { SecretFolder } from "../../../src/nats/secrets.ts";
import { errorMessage } from "../../../src/runtime/errors.ts";
import { decoratedSeed, makeOperator, seedOf } from "../../support/nats-jwt.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";

const user = nkeys.createUser();
const operator = makeOperator();
const anHourAgo = new Date(Date.now() - 3_600_000);

const servers = new Map<string, NatsServer>();
const configs: Record<string, string> = {
  users: `authorization { users: [ { user: knative, password: "pa ss:@/" }, { nkey: ${user.getPublicKey()} } ] }`,
  token: 'authorization { token: "s3cr3t-t0k3n" }',
  operator: operator.config,
};

let files: SecretFiles;
let secrets: SecretFolder;

beforeAll(async () => {
  files = await makeSecretFiles();
  secrets = new SecretFolder({ root: files.root, namespace: "default" });
  await Promise.all(
    Object.entries(configs).map(async ([name, config]) => {
      servers.set(name, await startNatsServer({ config }));
    }),
  );
});

afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()));
  await files.remove();
});

/** Logs in as the dispatcher does: with the configuration that a user writes. */
async function logIn(server: string, auth: unknown): Promise<NatsConnection> {
  const options = await loginOptions(parseNatsConfig({ auth }), secrets);
  return connect({ servers: servers.get(server)?.url ?? "", reconnect: false, ...options });
}

async function publishesWith(server: string, auth: unknown): Promise<number> {
  const nc = await logIn(server, auth);
  try {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: "S", subjects: ["s"] });
    await jsm.streams.purge("S");
    await jetstream(nc).publish("s", "data");
    return (await jsm.streams.info("S")).state.messages;
  } finally {
    await nc.close();
  }
}

async function refusal(server: string, auth: unknown): Promise<Error> {
  const outcome = await logIn(server, auth).catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  await (outcome as NatsConnection).close();
  throw new Error("the login was not refused");
}

interface Way {
  server: string;
  auth: (secretName: string) => unknown;
  right: Record<string, string>;
  wrong: Record<string, string>;
}

const seed = seedOf(user);
const otherSeed = seedOf(nkeys.createUser());
const ways: [string, Way][] = [
  [
    "user and password",
    {
      server: "users",
      auth: (secretName) => ({ usernamePassword: { secret: { secretName } } }),
      right: { username: "knative\n", password: "pa ss:@/\n" },
      wrong: { username: "knative", password: "hunter2" },
    },
  ],
  [
    "a token",
    {
      server: "token",
      auth: (secretName) => ({ token: { secret: { secretName } } }),
      right: { token: "s3cr3t-t0k3n" },
      wrong: { token: "hunter2" },
    },
  ],
  [
    "a bare nkey seed",
    {
      server: "users",
      auth: (secretName) => ({ nKey: { secret: { secretName } } }),
      right: { "nats.creds": seed },
      wrong: { "nats.creds": otherSeed },
    },
  ],
  [
    "a decorated nkey seed under a key of its own",
    {
      server: "users",
      auth: (secretName) => ({ nKey: { secret: { secretName, key: "user.nk" } } }),
      right: { "user.nk": decoratedSeed(seed) },
      wrong: { "user.nk": decoratedSeed(otherSeed) },
    },
  ],
  [
    "a credentials file",
    {
      server: "operator",
      auth: (secretName) => ({ credentialFile: { secret: { secretName } } }),
      right: { "nats.creds": operator.credentials() },
      wrong: { "nats.creds": makeOperator().credentials() },
    },
  ],
  [
    "a credentials file with CRLF and no last line end, as the Go implementation's file names it",
    {
      server: "operator",
      auth: (name) => ({ credentialFile: { secret: { name, key: "user.creds" } } }),
      right: { "user.creds": operator.credentials().trimEnd().replaceAll("\n", "\r\n") },
      wrong: { "user.creds": operator.credentials({ expiresAt: anHourAgo }) },
    },
  ],
];

it.each(ways)("logs in with %s and publishes", async (_, { server, auth, right }) => {
  await files.put("right", right);
  expect(await publishesWith(server, auth("right"))).toBe(1);
});

it.each(ways)("is refused with another's %s, and nothing of it is shown", async (_, way) => {
  await files.put("wrong", way.wrong);
  const error = await refusal(way.server, way.auth("wrong"));
  expect(errorMessage(error)).toMatch(/authorization violation/i);
  const shown = `${errorMessage(error)} ${inspect(error, { depth: 9 })}`;
  for (const word of Object.values(way.wrong).flatMap(secretWords)) {
    expect(shown).not.toContain(word);
  }
});

it("uses what is in the file at each attempt, and says of a refused JWT that it has expired", async () => {
  const auth = { credentialFile: { secret: { secretName: "rotated" } } };
  await files.put("rotated", { "nats.creds": operator.credentials({ expiresAt: anHourAgo }) });
  const error = await refusal("operator", auth);
  const place = 'key "nats.creds" of Secret "rotated"';
  expect(await explainFailure(error, [{ login: parseNatsConfig({ auth }), secrets }])).toMatch(
    new RegExp(`^'?authorization violation.*; the user JWT in ${place} expired at 20`, "i"),
  );

  await files.put("rotated", { "nats.creds": operator.credentials() });
  expect(await publishesWith("operator", auth)).toBe(1);
  expect(await explainFailure(error, [{ login: parseNatsConfig({ auth }), secrets }])).not.toMatch(
    "expired",
  );
});

/** Lists the words of a value that are secret: passwords, tokens, seeds, and JWTs. The user's name may be shown. */
function secretWords(value: string): string[] {
  return value.split(/\s+/).filter((word) => word === "hunter2" || word.length > 50);
}
