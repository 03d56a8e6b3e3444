import { expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { loginNameOf } from "../../../src/dispatcher/nats-clients.ts";
import { aChannel } from "../../support/channels-file.ts";

it.each([
  [undefined, ""],
  [{ credentialFile: { secret: { secretName: "a" } } }, "shop/a"],
  [{ credentialFile: { secret: { secretName: "a", key: "nats.creds" } } }, "shop/a"],
  [{ credentialFile: { secret: { secretName: "a", key: "orders.creds" } } }, "shop/a/orders.creds"],
  [{ nKey: { secret: { secretName: "a" } } }, "shop/a"],
  [{ token: { secret: { secretName: "a", key: "nats.creds" } } }, "shop/a/nats.creds"],
  [{ usernamePassword: { secret: { secretName: "a" } } }, "shop/a"],
  [{ usernamePassword: { secret: { secretName: "a", passwordKey: "p" } } }, "shop/a/username/p"],
])("the login %j is called %j", (auth, name) => {
  const object = aChannel({
    name: "orders",
    namespace: "shop",
    spec: auth === undefined ? {} : { auth },
  });
  const parsed = parseChannel(object, { jetstream: { subjectPrefix: "", streamPrefix: "" } });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusals));
  expect(loginNameOf(parsed.channel)).toBe(name);
});
