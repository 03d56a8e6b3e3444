import { describe, expect, it } from "vitest";
import { resourceOf, sinkQuestion } from "../../../src/controller/sink-address.ts";

describe("a dead-letter sink", () => {
  it.each([
    ["v1", "Service", "/services"],
    ["serving.knative.dev/v1", "Service", "serving.knative.dev/services"],
    ["messaging.knative.dev/v1", "Channel", "messaging.knative.dev/channels"],
    ["eventing.knative.dev/v1", "EventPolicy", "eventing.knative.dev/eventpolicies"],
    ["example.dev/v1", "Gateway", "example.dev/gateways"],
    ["example.dev/v1", "Ingress", "example.dev/ingresses"],
  ])("of %s %s is one of %s", (apiVersion, kind, expected) => {
    const { group, plural } = resourceOf(apiVersion, kind);
    expect(`${group}/${plural}`).toBe(expected);
  });

  it.each([
    [{}, "spec.delivery.deadLetterSink.uri: an absolute http or https URL is required, or a ref"],
    [{ uri: "/path" }, "spec.delivery.deadLetterSink.uri: an absolute http or https URL expected"],
    [{ ref: { kind: "Service", name: "a" } }, "ref: apiVersion, kind and name are required"],
    [
      { ref: { apiVersion: "v1", kind: "../../configmaps?x=", name: "a" } },
      "ref.kind: letters and digits, the first one a letter, expected",
    ],
    [
      { ref: { apiVersion: "v1/../x", kind: "Service", name: "a" } },
      'ref.apiVersion: a version like "v1", or a group and a version like',
    ],
    ["sink", "spec.delivery.deadLetterSink: an object expected"],
  ])("%j cannot be resolved", (value, words) => {
    const message = expect.stringContaining(words);
    const known = { ok: false, reason: "DeadLetterSinkInvalid", message };
    expect(sinkQuestion(value, "n")).toEqual({ known });
  });
});
