import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";
import { explainFailure, loginOptions } from "../../../src/nats/credentials.ts";
import { SecretFolder } from "../../../src/nats/secrets.ts";
import { serverIdentityCheck } from "../../../src/nats/server-identity.ts";
import { type Certificate, makeCertificate } from "../../support/certificates.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";

const authority = makeCertificate({ commonName: "an authority" });
const stranger = makeCertificate({ commonName: "a stranger" });
const serverCertificate = makeCertificate({ commonName: "a server", issuer: authority });
const addressedCertificate = makeCertificate({
  commonName: "a server",
  hosts: ["nats.example", "127.0.0.1"],
  issuer: authority,
});
const client = makeCertificate({ commonName: "a client", issuer: authority });
const strangersClient = makeCertificate({ commonName: "a client", issuer: stranger });

let files: SecretFiles;
let secrets: SecretFolder;
let verified: NatsServer;
let mutual: NatsServer;
let plain: NatsServer;
/** Has a certificate for a name and for the address it listens on, not for localhost. */
let addressed: NatsServer;

beforeAll(async () => {
  files = await makeSecretFiles();
  secrets = new SecretFolder({ root: files.root, namespace: "default" });
  [verified, mutual, addressed, plain] = await Promise.all([
    startTlsServer(serverCertificate, false),
    startTlsServer(serverCertificate, true),
    startTlsServer(addressedCertificate, false),
    startNatsServer(),
  ]);
  const { cert, key } = client;
  await files.put("ca", { "ca.crt": authority.cert });
  await files.put("stranger", { "ca.crt": stranger.cert });
  await files.put("all", { "ca.crt": authority.cert, "tls.crt": cert, "tls.key": key });
  await files.put("own", { "tls.crt": cert, "tls.key": key });
  const { cert: strangersCert, key: strangersKey } = strangersClient;
  await files.put("strangers-own", { "tls.crt": strangersCert, "tls.key": strangersKey });
  await files.put("configmap_ca", { "ca.crt": authority.cert, "other.pem": stranger.cert });
});

afterAll(async () => {
  await Promise.all([verified, mutual, addressed, plain].map((server) => server.stop()));
  await files.remove();
});

async function startTlsServer({ cert, key }: Certificate, verify: boolean): Promise<NatsServer> {
  const folder = await mkdtemp(join(files.root, "server-"));
  const paths = {
    cert_file: join(folder, "tls.crt"),
    key_file: join(folder, "tls.key"),
    ca_file: join(folder, "ca.crt"),
  };
  await writeFile(paths.cert_file, cert);
  await writeFile(paths.key_file, key);
  await writeFile(paths.ca_file, authority.cert);
  return startNatsServer({ config: `tls ${JSON.stringify({ ...paths, verify })}` });
}

/** Connects as the dispatcher does: with the configuration that a user writes. */
async function connectWith(server: NatsServer, file: object): Promise<NatsConnection> {
  const options = await loginOptions(parseNatsConfig(file), secrets);
  return connect({ servers: server.url, reconnect: false, ...options });
}

async function publishesWith(server: NatsServer, file: object): Promise<number> {
  const nc = await connectWith(server, file);
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

async function refusal(server: NatsServer, file: object): Promise<string> {
  const outcome = await connectWith(server, file).catch((error: unknown) => error);
  if (!(outcome instanceof Error)) {
    await (outcome as NatsConnection).close();
    throw new Error("the connection was not refused");
  }
  expect(inspect(outcome, { depth: 9 })).not.toContain(keyLine(client.key));
  return explainFailure(outcome, [{ login: parseNatsConfig(file), secrets }]);
}

it.each([
  ["a Secret with ca.crt alone", { tls: { secretName: "ca" } }],
  ["a Secret with ca.crt, tls.crt and tls.key", { tls: { secretName: "all" } }],
  ["an authority of a Secret", { tls: { caSecret: { secretName: "ca" } } }],
  ["an authority of a ConfigMap", { tls: { caConfigMap: { name: "ca" } } }],
  ["the Go implementation's tls.secret", { tls: { secret: { name: "ca" } } }],
  ["the Go implementation's tls.caBundle", { tls: { caBundle: btoa(authority.cert) } }],
  [
    "two authorities, one of them the server's",
    { tls: { caConfigMap: { name: "ca" }, caSecret: { secretName: "stranger" } } },
  ],
])("verifies a server with %s", async (_, file) => {
  expect(await publishesWith(verified, file)).toBe(1);
});

it.each([
  ["another authority", { tls: { secretName: "stranger" } }],
  ["another authority of a ConfigMap", { tls: { caConfigMap: { name: "ca", key: "other.pem" } } }],
  ["the system's authorities", {}],
])("refuses a server that it is to verify with %s", async (_, file) => {
  expect(await refusal(verified, file)).toMatch(
    /^no authority that is trusted has signed the server's certificate \(tls, [A-Z_]+\)$/,
  );
});

it("refuses a server without TLS when it is to be verified", async () => {
  expect(await refusal(plain, { tls: { secretName: "ca" } })).toMatch(/tls/);
});

it.each([
  ["a Secret with all three", { tls: { secretName: "all" } }],
  [
    "tls.crt and tls.key of a Secret and an authority of a ConfigMap",
    { tls: { secretName: "own", caConfigMap: { name: "ca" } } },
  ],
  [
    "the Go implementation's auth.tls and tls.secret",
    { auth: { tls: { secret: { name: "own" } } }, tls: { secret: { name: "ca" } } },
  ],
])("shows itself to a server that asks for it, with %s", async (_, file) => {
  expect(await publishesWith(mutual, file)).toBe(1);
});

it.each([
  ["no certificate", { tls: { secretName: "ca" } }],
  [
    "the certificate of a stranger",
    { tls: { secretName: "strangers-own", caSecret: { secretName: "ca" } } },
  ],
])("is refused with %s by a server that asks for one", async (_, file) => {
  // The server's word (TLS 1.3) comes after the handshake, and may be lost when it closes at once.
  expect(await refusal(mutual, file)).toMatch(
    /^the server has refused our TLS certificate, or the lack of one|ECONNRESET|EPIPE|closed/,
  );
});

it("says of a certificate that a server refuses that it has expired", async () => {
  const { cert, key } = makeCertificate({
    commonName: "a client",
    issuer: authority,
    notAfter: new Date("2026-01-31T12:00:00Z"),
    notBefore: new Date("2026-01-01T12:00:00Z"),
  });
  await files.put("expired", { "tls.crt": cert, "tls.key": key });
  const file = { tls: { secretName: "expired", caSecret: { secretName: "ca" } } };
  expect(await refusal(mutual, file)).toMatch(
    /; the certificate in key "tls.crt" of Secret "expired" expired at 2026-01-31T12:00:00.000Z$/,
  );
});

it("uses the certificate that is in the file at each attempt", async () => {
  const file = { tls: { secretName: "rotated", caSecret: { secretName: "ca" } } };
  await files.mount("rotated", { "tls.crt": strangersClient.cert, "tls.key": strangersClient.key });
  await refusal(mutual, file);
  await files.mount("rotated", { "tls.crt": client.cert, "tls.key": client.key });
  expect(await publishesWith(mutual, file)).toBe(1);
});

it.each([
  ["its address", ["127.0.0.1"], undefined],
  ["the name of another configured server", ["192.0.2.1", "nats.example"], undefined],
  [
    "names that nobody asked for",
    ["192.0.2.1", "nats.test"],
    "the server's certificate is for DNS:nats.example, IP Address:127.0.0.1, not for 192.0.2.1 or nats.test",
  ],
])("knows a server by %s", async (_, hosts, sentence) => {
  const options = await loginOptions(parseNatsConfig({ tls: { secretName: "ca" } }), secrets);
  const tls = { ...options.tls, checkServerIdentity: serverIdentityCheck(hosts) };
  const attempt = connect({ servers: addressed.url, reconnect: false, tls });
  const outcome = await attempt.then(
    (nc) => nc.close().then(() => undefined),
    (error: Error) => error.message,
  );
  expect(outcome).toBe(sentence);
});

function keyLine(pem: string): string {
  return pem.split("\n")[1] ?? pem;
}
