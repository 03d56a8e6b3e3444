import { expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";

const jetstream = { subjectPrefix: "", streamPrefix: "" };

function channelWith(spec: object): object {
  return {
    apiVersion: "messaging.knative.dev/v1alpha1",
    kind: "NatsJetStreamChannel",
    metadata: { name: "orders" },
    spec,
  };
}

function loginOf(spec: object): unknown {
  const parsed = parseChannel(channelWith(spec), { jetstream });
  if (!parsed.ok) throw new Error(`the channel was refused: ${JSON.stringify(parsed.refusals)}`);
  return parsed.channel.login;
}

it("has no login of its own unless it names one", () => {
  expect(loginOf({})).toBe(undefined);
});

it.each([
  ["credentialFile", { key: "nats.creds" }],
  ["usernamePassword", { usernameKey: "username", passwordKey: "password" }],
  ["token", { key: "token" }],
  ["nKey", { key: "nats.creds" }],
])("compiles spec.auth.%s with its default keys", (way, keys) => {
  expect(loginOf({ auth: { [way]: { secret: { secretName: "s" } } } })).toEqual({
    auth: { [way]: { secret: { secretName: "s", ...keys } } },
  });
});

it("takes keys as they are given, and leaves behind what is not ours", () => {
  const secret = { secretName: "s", usernameKey: "u", passwordKey: "p", later: "field" };
  expect(loginOf({ auth: { usernamePassword: { secret, later: 1 }, later: 2 } })).toEqual({
    auth: { usernamePassword: { secret: { secretName: "s", usernameKey: "u", passwordKey: "p" } } },
  });
});

it("refuses a Secret's name that leads elsewhere, without repeating it", () => {
  const auth = { token: { secret: { secretName: "../other/hunter2" } } };
  const parsed = parseChannel(channelWith({ auth }), { jetstream });
  expect(parsed.ok).toBe(false);
  expect(parsed.refusals).toEqual([
    {
      path: "spec.auth.token.secret.secretName",
      reason: `a Secret's name (a-z, 0-9, "-" and ".", at most 253 characters) expected`,
    },
  ]);
});
