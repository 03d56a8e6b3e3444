import { describe, expect, it } from "vitest";
import type { Channel } from "../../../src/controller/kinds.ts";
import { refusalFor } from "../../../src/controller/refusals.ts";

describe("a channel is closed", () => {
  const channel: Channel = { metadata: { namespace: "n", name: "c", labels: { a: "1" } } };
  const kind = { apiVersion: "messaging.knative.dev/v1alpha1", kind: "NatsJetStreamChannel" };
  const policy = (to: object[] | undefined, namespace = "n") => ({
    metadata: { namespace, name: "p" },
    spec: to === undefined ? {} : { to },
  });

  it.each([
    [{}, undefined],
    [{ "authentication-oidc": "Disabled", "transport-encryption": "permissive" }, undefined],
    [{ "authentication-oidc": "enabled" }, "OIDCNotSupported"],
    [{ "authentication-oidc": "allowed" }, "OIDCNotSupported"],
    [{ "transport-encryption": "Strict" }, "EncryptionNotSupported"],
  ])("by config-features %j: %s", (features, reason) => {
    expect(refusalFor(channel, { features, policies: [] })?.reason).toBe(reason);
  });

  it.each([
    ["names it", [{ ref: { ...kind, name: "c" } }], true],
    ["names another", [{ ref: { ...kind, name: "d" } }], false],
    ["names another kind", [{ ref: { ...kind, kind: "Broker", name: "c" } }], false],
    ["has no targets", undefined, true],
    ["has an empty list of targets", [], true],
    ["selects its kind", [{ selector: kind }], true],
    ["selects its label", [{ selector: { ...kind, matchLabels: { a: "1" } } }], true],
    ["selects another label", [{ selector: { ...kind, matchLabels: { a: "2" } } }], false],
    [
      "selects by an expression",
      [{ selector: { ...kind, matchExpressions: [{ key: "a", operator: "In", values: ["1"] }] } }],
      true,
    ],
    [
      "excludes it by an expression",
      [
        {
          selector: { ...kind, matchExpressions: [{ key: "a", operator: "NotIn", values: ["1"] }] },
        },
      ],
      false,
    ],
    [
      "selects by what is not known",
      [{ selector: { ...kind, matchExpressions: [{ key: "a", operator: "New" }] } }],
      true,
    ],
  ])("by an EventPolicy that %s", (_, to, expected) => {
    const refusal = refusalFor(channel, { features: undefined, policies: [policy(to)] });
    expect(refusal?.reason).toBe(expected ? "EventPolicyNotSupported" : undefined);
  });

  it.each([
    ["open", { status: "True" }, undefined],
    [
      "closed",
      { status: "False", reason: "EventPolicyNotSupported", message: "m" },
      { status: "False", reason: "EventPolicyNotSupported", message: "m" },
    ],
    ["new", undefined, { status: "Unknown", reason: "PoliciesUnknown" }],
    [
      "without an address",
      { status: "False", reason: "NoAddress" },
      { status: "Unknown", reason: "PoliciesUnknown" },
    ],
  ])("while EventPolicies cannot be read as before, if it was %s", (_, addressable, expected) => {
    const conditions = addressable && [
      { type: "Addressable", lastTransitionTime: "", ...addressable },
    ];
    const before = { ...channel, status: conditions === undefined ? {} : { conditions } };
    const refusal = refusalFor(before as Channel, { features: undefined, policies: undefined });
    if (expected === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toMatchObject(expected);
  });

  it("not by an EventPolicy of another namespace", () => {
    const policies = [policy(undefined, "other")];
    expect(refusalFor(channel, { features: undefined, policies })).toBeUndefined();
  });
});
