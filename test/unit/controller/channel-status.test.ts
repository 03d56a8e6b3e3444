import { describe, expect, it } from "vitest";
import type { ConditionUpdate } from "../../../src/api/conditions.ts";
import type { Condition } from "../../../src/api/duck.ts";
import { type ChannelFacts, ownStatus } from "../../../src/controller/channel-status.ts";
import type { ChannelStatus } from "../../../src/controller/kinds.ts";
import { differs, leftovers } from "../../../src/controller/write-status.ts";

const NOW = { now: new Date("2026-01-01T00:00:00.5Z"), clusterDomain: "cluster.local" };
const SINCE = "2026-01-01T00:00:00Z";
const LONG_AGO = "2025-01-01T00:00:00Z";
const URL = "http://orders-kn-jsm-channel.shop.svc.cluster.local";

const isTrue = (type: ConditionUpdate["type"]): ConditionUpdate => ({ type, status: "True" });
const streamReady = (observedGeneration: number): Condition => ({
  ...{ type: "StreamReady", status: "True", lastTransitionTime: LONG_AGO, observedGeneration },
});

function factsWith(fields: Partial<ChannelFacts> = {}, status?: ChannelStatus): ChannelFacts {
  return {
    channel: {
      metadata: { namespace: "shop", name: "orders", generation: 2 },
      ...(status === undefined ? {} : { status }),
    },
    dispatcher: [isTrue("DispatcherReady"), isTrue("ServiceReady"), isTrue("EndpointsReady")],
    service: isTrue("ChannelServiceReady"),
    sink: undefined,
    refusal: undefined,
    warnings: [],
    ...fields,
  };
}

const conditionOf = (status: ChannelStatus, type: string) =>
  status.conditions?.find((condition) => condition.type === type);

describe("the status", () => {
  it("has an address and waits for the stream at first", () => {
    const status = ownStatus(factsWith(), NOW);
    expect(status).toMatchObject({
      address: { name: "http", url: URL },
      addresses: [{ name: "http", url: URL }],
    });
    expect(status).not.toHaveProperty("observedGeneration");
    expect(conditionOf(status, "Ready")).toEqual({
      type: "Ready",
      status: "Unknown",
      reason: "NotYetKnown",
      message: "StreamReady is not known yet",
      lastTransitionTime: SINCE,
      observedGeneration: 2,
    });
  });

  it("is Ready with the stream, which it leaves to the dispatcher", () => {
    const status = ownStatus(factsWith({}, { conditions: [streamReady(2)] }), NOW);
    expect(conditionOf(status, "Ready")?.status).toBe("True");
    expect(conditionOf(status, "StreamReady")).toBeUndefined();
    expect(status.observedGeneration).toBe(2);
  });

  it("keeps the generation until the dispatcher has seen the new one", () => {
    const before = ownStatus(factsWith({}, { conditions: [streamReady(2)] }), NOW);
    const old = (before.conditions ?? []).map((one) => ({ ...one, observedGeneration: 1 }));
    const now = { conditions: [...old, streamReady(1)], observedGeneration: 1 };
    const status = ownStatus(factsWith({}, now), NOW);
    expect(status.observedGeneration).toBe(1);
    expect(status.conditions?.map((one) => one.observedGeneration)).toEqual(old.map(() => 1));
  });

  it("says at once what is new, with the generation that it was found at", () => {
    const before = ownStatus(factsWith({}, { conditions: [streamReady(1)] }), NOW);
    const old = (before.conditions ?? []).map((one) => ({
      ...{ ...one, observedGeneration: 1, lastTransitionTime: LONG_AGO },
    }));
    const service: ConditionUpdate = {
      ...{ type: "ChannelServiceReady", status: "False", reason: "ForeignService", message: "why" },
    };
    const known = { conditions: [...old, streamReady(1)], observedGeneration: 1 };
    const status = ownStatus(factsWith({ service }, known), NOW);
    expect(conditionOf(status, "ChannelServiceReady")).toMatchObject({
      ...{ status: "False", observedGeneration: 2, lastTransitionTime: SINCE },
    });
    expect(conditionOf(status, "EndpointsReady")).toMatchObject({
      ...{ observedGeneration: 1, lastTransitionTime: LONG_AGO },
    });
    expect(status.observedGeneration).toBe(1);
    expect(status.address).toBeUndefined();
    expect(conditionOf(status, "Ready")).toMatchObject({
      status: "False",
      reason: "ForeignService",
    });
  });

  it("is closed for a reason that comes before all others", () => {
    const refusal = { status: "False", reason: "OIDCNotSupported", message: "why" } as const;
    const down: ConditionUpdate = {
      type: "EndpointsReady",
      status: "False",
      reason: "Down",
      message: "m",
    };
    const facts = factsWith({ refusal, dispatcher: [down] }, { conditions: [streamReady(2)] });
    const status = ownStatus(facts, NOW);
    expect(conditionOf(status, "Ready")).toMatchObject(refusal);
    expect(conditionOf(status, "Addressable")).toMatchObject(refusal);
    expect(status.address).toBeUndefined();
  });

  it("does not count a warning", () => {
    const warning: ConditionUpdate = {
      ...{
        type: "ConfigurationApplied",
        status: "False",
        severity: "Warning",
        reason: "r",
        message: "m",
      },
    };
    const facts = factsWith({ warnings: [warning] }, { conditions: [streamReady(2)] });
    const status = ownStatus(facts, NOW);
    expect(conditionOf(status, "Ready")?.status).toBe("True");
    expect(conditionOf(status, "ConfigurationApplied")).toMatchObject(warning);
  });

  it.each([
    [undefined, { status: "True", reason: "DeadLetterSinkNotConfigured" }, undefined],
    [
      { ok: true, uri: "http://a", caCerts: undefined, audience: undefined } as const,
      { status: "True" },
      "http://a",
    ],
    [
      { ok: false, reason: "DeadLetterSinkNotFound", message: "m" } as const,
      { status: "False", reason: "DeadLetterSinkNotFound" },
      undefined,
    ],
  ])("says of the dead-letter sink %j: %j", (sink, condition, uri) => {
    const status = ownStatus(factsWith({ sink }), NOW);
    expect(conditionOf(status, "DeadLetterSinkResolved")).toMatchObject(condition);
    expect(status.deadLetterSinkUri).toBe(uri);
  });
});

describe("a status on the API server", () => {
  const desired = ownStatus(factsWith({}, { conditions: [streamReady(2)] }), NOW);
  const actual = { ...desired, conditions: [streamReady(2), ...(desired.conditions ?? [])] };

  it("is not written when it is as it should be", () => {
    expect(differs(actual, desired)).toBe(false);
    const specApplied: Condition = { type: "SpecApplied", status: "False" };
    const more = { ...actual, conditions: [specApplied, ...actual.conditions] };
    expect(differs({ ...more, stream: { name: "S" } }, desired)).toBe(false);
  });

  it.each<[string, ChannelStatus | undefined]>([
    ["is not there", undefined],
    ["lacks the address", { ...actual, address: { url: "http://other" } }],
    ["has an old generation", { ...actual, observedGeneration: 1 }],
    ["lacks a condition", { ...actual, conditions: actual.conditions.slice(2) }],
    [
      "has a condition that nobody says",
      { ...actual, conditions: [...actual.conditions, { type: "Former", status: "True" }] },
    ],
    ["has a sink that is no more", { ...actual, deadLetterSinkUri: "http://former" }],
  ])("is written when it %s", (_, status) => {
    expect(differs(status, desired)).toBe(true);
  });

  it("loses what nobody says any more, from the end", () => {
    const former = (type: string): Condition => ({ type, status: "True" });
    const conditions = [former("A"), ...actual.conditions, former("B")];
    expect(leftovers({ ...actual, conditions, deadLetterSinkUri: "x" }, desired)).toEqual([
      { op: "remove", path: "/status/deadLetterSinkUri" },
      { op: "remove", path: `/status/conditions/${conditions.length - 1}` },
      { op: "remove", path: "/status/conditions/0" },
    ]);
  });
});
