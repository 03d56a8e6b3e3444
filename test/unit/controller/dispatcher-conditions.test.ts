import { describe, expect, it } from "vitest";
import { dispatcherConditions } from "../../../src/controller/dispatcher-conditions.ts";
import type { Deployment, EndpointSlice } from "../../../src/kube/objects.ts";

describe("a dispatcher", () => {
  const available = (status: string, message?: string): Deployment => ({
    metadata: { namespace: "n", name: "d" },
    status: { conditions: [{ type: "Available", status, ...(message ? { message } : {}) }] },
  });
  const slice = (...ready: boolean[]): EndpointSlice => ({
    addressType: "IPv4",
    endpoints: ready.map((is) => ({ addresses: ["10.0.0.1"], conditions: { ready: is } })),
  });
  const facts = {
    deployment: available("True"),
    service: {},
    slices: [slice(false, true)],
    problems: [],
  };

  it("is ready with an available Deployment, a Service and one ready endpoint", () => {
    expect(dispatcherConditions(facts)).toEqual([
      { type: "DispatcherReady", status: "True" },
      { type: "ServiceReady", status: "True" },
      { type: "EndpointsReady", status: "True" },
    ]);
  });

  it.each([
    [
      "no Deployment",
      { deployment: undefined },
      0,
      { status: "Unknown", reason: "DispatcherNotFound" },
    ],
    [
      "a Deployment that is being deleted",
      { deployment: { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } } },
      0,
      { status: "Unknown", reason: "DispatcherDeploymentLeaving" },
    ],
    [
      "no available Pod",
      { deployment: available("False", "minimum") },
      0,
      {
        status: "False",
        reason: "DispatcherNotReady",
        message: expect.stringContaining("minimum"),
      },
    ],
    [
      "no Service",
      { service: undefined },
      1,
      { status: "Unknown", reason: "DispatcherServiceNotFound" },
    ],
    [
      "no ready endpoint",
      { slices: [slice(false)] },
      2,
      { status: "False", reason: "DispatcherEndpointsNotReady" },
    ],
    [
      "a slice without endpoints",
      { slices: [{ addressType: "IPv4", endpoints: null } as unknown as EndpointSlice] },
      2,
      { status: "False" },
    ],
    [
      "a problem",
      { problems: [{ condition: "DispatcherReady", reason: "R", message: "m" } as const] },
      0,
      { status: "False", reason: "R", message: "m" },
    ],
  ])("with %s says so", (_, fields, index, expected) => {
    expect(dispatcherConditions({ ...facts, ...fields })[index]).toMatchObject(expected);
  });

  it("says of a Deployment without Pods what keeps them from being made", () => {
    const deployment = available("False", "minimum");
    deployment.status?.conditions?.push({
      type: "ReplicaFailure",
      status: "True",
      message: "exceeded quota",
    });
    const [condition] = dispatcherConditions({ ...facts, deployment });
    expect(condition?.message).toContain("exceeded quota");
  });

  it("warns where its configuration was not applied, and is ready", () => {
    const problems = [{ condition: "ConfigurationApplied", reason: "R", message: "m" } as const];
    const conditions = dispatcherConditions({ ...facts, problems });
    expect(conditions.map(({ type, status }) => `${type} ${status}`)).toEqual([
      "DispatcherReady True",
      "ServiceReady True",
      "EndpointsReady True",
      "ConfigurationApplied False",
    ]);
  });
});
