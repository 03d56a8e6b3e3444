import { expect, it } from "vitest";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";

it.each([
  ["no object", "url: x", "(file): an object expected, got a text"],
  ["a list", [], "(file): an object expected, got a list"],
  [
    "a typo",
    { urls: "x" },
    '(file): unknown key "urls"; allowed: url, auth, tls, jetstream, dispatch',
  ],
  [
    "a typo below",
    { jetstream: { prefix: "x" } },
    'jetstream: unknown key "prefix"; allowed: domain, subjectPrefix, streamPrefix',
  ],
  [
    "a typo in auth",
    { auth: { creds: {} } },
    'auth: unknown key "creds"; allowed: credentialFile, usernamePassword, token, nKey',
  ],
  ["an empty url", { url: "" }, "url: nats:// or tls:// URLs"],
  ["an empty part", { url: "a,,b" }, "url: nats:// or tls:// URLs"],
  ["http", { url: "http://a" }, 'got "http://a"'],
  ["a path", { url: "nats://a/b" }, 'got "nats://a/b"'],
  ["a port of words", { url: "nats://a:port" }, 'got "nats://a:port"'],
  ["a list of urls", { url: ["nats://a"] }, "url: a text expected, got a list"],
  ["no secret", { auth: { token: {} } }, "auth.token.secret: required: an object"],
  [
    "no secret's name",
    { auth: { nKey: { secret: {} } } },
    "auth.nKey.secret.secretName: required: a text",
  ],
  [
    "a secret's name that climbs",
    { tls: { secretName: "../x" } },
    "tls.secretName: a Secret's name",
  ],
  [
    "a ConfigMap's name that climbs",
    { tls: { caConfigMap: { name: "../x" } } },
    "tls.caConfigMap.name: a ConfigMap's name",
  ],
  [
    "TLS of nothing",
    { tls: {} },
    'tls: one of "secretName", "caSecret", "caConfigMap" or "caBundle" is required',
  ],
  [
    "TLS of nothing, as a template leaves it",
    { tls: { secretName: null } },
    'tls: one of "secretName", "caSecret", "caConfigMap" or "caBundle" is required',
  ],
  [
    "a typo in tls",
    { tls: { ca: "x" } },
    'tls: unknown key "ca"; allowed: secretName, caSecret, caConfigMap, caBundle',
  ],
  [
    "a bundle that is not base64",
    { tls: { caBundle: "-----BEGIN CERTIFICATE-----" } },
    "tls.caBundle: certificates in PEM form, in base64, expected",
  ],
  [
    "a bundle without a certificate",
    { tls: { caBundle: btoa("no certificate") } },
    "tls.caBundle: certificates in PEM form, in base64, expected",
  ],
  [
    "an empty bundle",
    { tls: { caBundle: "" } },
    "tls.caBundle: certificates in PEM form, in base64, expected",
  ],
  [
    "a login in url beside another one",
    { url: "nats://a,nats://user:pass@b", auth: { token: { secret: { secretName: "s" } } } },
    "auth: one way to log in expected, got token and a login in url",
  ],
  [
    "a key that climbs",
    { auth: { token: { secret: { secretName: "s", key: "../x" } } } },
    "auth.token.secret.key: a key of a Secret",
  ],
  [
    "two ways",
    { auth: { token: { secret: { secretName: "a" } }, nKey: { secret: { secretName: "b" } } } },
    "auth: one way to log in expected, got token and nKey",
  ],
  [
    "two ways, one faulty",
    { auth: { token: 5, nKey: { secret: { secretName: "b" } } } },
    "auth: one way to log in expected, got token and nKey",
  ],
  ["a domain with a dot", { jetstream: { domain: "a.b" } }, "jetstream.domain: a JetStream domain"],
  [
    "a wildcard prefix",
    { jetstream: { subjectPrefix: "a.>" } },
    'jetstream.subjectPrefix: a subject like "east"',
  ],
  [
    "a prefix with a dot at its end",
    { jetstream: { subjectPrefix: "a." } },
    'jetstream.subjectPrefix: a subject like "east"',
  ],
  [
    "a bad stream prefix",
    { jetstream: { streamPrefix: "a/b" } },
    "jetstream.streamPrefix: the begin of a stream's name",
  ],
  [
    "no concurrency",
    { dispatch: { concurrency: 0 } },
    "dispatch.concurrency: at least 1 expected, got 0",
  ],
  [
    "too much concurrency",
    { dispatch: { concurrency: 1001 } },
    "dispatch.concurrency: at most 1000 expected, got 1001",
  ],
  [
    "half a delivery",
    { dispatch: { concurrency: 1.5 } },
    "dispatch.concurrency: a whole number expected, got 1.5",
  ],
  [
    "concurrency as text",
    { dispatch: { concurrency: "5" } },
    "dispatch.concurrency: a number expected, got a text",
  ],
  [
    "little memory",
    { dispatch: { memory: "15Mi" } },
    'dispatch.memory: at least 16Mi expected, got "15Mi"',
  ],
  [
    "no size",
    { dispatch: { memory: "much" } },
    'dispatch.memory: a whole number of bytes like "128Mi"',
  ],
  [
    "a size that is neither",
    { dispatch: { memory: true } },
    'dispatch.memory: a size like "128Mi" expected',
  ],
  [
    "an empty event",
    { dispatch: { maxEventSize: 0 } },
    "dispatch.maxEventSize: at least 1 expected, got 0",
  ],
  [
    "a Go duration",
    { dispatch: { timeout: "5m" } },
    'dispatch.timeout: a duration like "PT10S" expected, got "5m"',
  ],
  [
    "no time",
    { dispatch: { publishTimeout: "PT0S" } },
    "dispatch.publishTimeout: more than 0 and at most P1D expected",
  ],
  ["too much time", { dispatch: { gracePeriod: "P2D" } }, 'at most P1D expected, got "P2D"'],
  [
    "headers slower than the request",
    { dispatch: { headersTimeout: "PT31S" } },
    'dispatch.headersTimeout: at most requestTimeout expected, got "PT31S" with requestTimeout "PT30S"',
  ],
])("refuses %s", (_, file, sentence) => {
  expect(() => parseNatsConfig(file)).toThrow(sentence);
});

it("lists every fault at once", () => {
  const file = {
    url: "ftp://a",
    tsl: {},
    auth: { token: "x", nKey: {} },
    dispatch: { concurrency: 0, timeout: "x", memroy: 1, headersTimeout: "PT2M" },
  };
  const paths = faultsOf(file).map((line) => line.split(":")[0]?.trim());
  expect(paths.sort()).toEqual(
    [
      "(file)",
      "auth",
      "auth.nKey.secret",
      "auth.token",
      "dispatch",
      "dispatch.concurrency",
      "dispatch.headersTimeout",
      "dispatch.timeout",
      "url",
    ].sort(),
  );
});

it.each([
  [{ url: "http://user:hunter2@nats" }],
  [{ url: "user:hunter2@na ts" }],
  [{ url: "nats://user:hunter2,x@nats" }],
  [{ url: "nats://user:hunter2@a@b:x" }],
  [{ auth: { token: "hunter2" } }],
  [{ auth: { token: { secret: { secretName: "hunter2 " } } } }],
  [{ auth: { usernamePassword: { password: "hunter2" } } }],
  [{ url: "nats://hunter2@a", auth: { token: { secret: { secretName: "s" } } } }],
  [{ tls: { caBundle: "hunter2", secret: { name: "hunter2 " } }, connOpts: "hunter2" }],
])("keeps a password out of the error for %j", (file) => {
  const error = errorOf(file);
  expect(`${error.message} ${JSON.stringify(error.cause)}`).not.toContain("hunter2");
});

function errorOf(file: unknown): Error {
  try {
    parseNatsConfig(file);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("the file was not refused");
}

function faultsOf(file: unknown): string[] {
  return errorOf(file).message.split("\n").slice(1);
}
