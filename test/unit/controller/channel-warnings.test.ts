import { expect, it } from "vitest";
import { channelWarnings } from "../../../src/controller/channel-warnings.ts";
import type { Channel } from "../../../src/controller/kinds.ts";
import { namespaceScope, scopeFor } from "../../../src/controller/scope.ts";

const channel = (spec: Channel["spec"]): Channel => ({
  metadata: { namespace: "shop", name: "orders" },
  spec: spec ?? {},
});
const cluster = scopeFor("cluster", "knative-eventing");
const own = scopeFor(namespaceScope("shop"), "knative-eventing");
const template = { deploymentSpecTemplate: { labels: { a: "b" } } };
const faulty = { deploymentSpecTemplate: { resources: { request: {} } } };
const auth = { auth: { token: { secret: { secretName: "login" } } } };

it.each([
  ["nothing asked for", channel({}), cluster, undefined, []],
  ["an empty template", channel({ deploymentSpecTemplate: {} }), cluster, undefined, []],
  ["a template", channel(template), cluster, undefined, ["DeploymentSpecTemplateIgnored"]],
  ["the oldest one's template", channel(template), own, "shop/orders", []],
  ["another one's", channel(template), own, "shop/older", ["OldestChannelCounts"]],
  ["a faulty template", channel(faulty), own, "shop/orders", ["DeploymentSpecTemplateInvalid"]],
  ["a login in its own namespace", channel(auth), own, "shop/orders", []],
  ["a login far away", channel(auth), cluster, undefined, ["SecretOfAnotherNamespace"]],
])("warns of %s", (_, asking, scope, oldest, reasons) => {
  const warnings = channelWarnings(asking, { scope, oldest });
  expect(warnings.map(({ reason }) => reason)).toEqual(reasons);
  for (const warning of warnings) {
    expect(warning).toMatchObject({ status: "False", severity: "Warning" });
  }
});
