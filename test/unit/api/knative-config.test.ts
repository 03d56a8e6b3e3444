import { describe, expect, it } from "vitest";
import { knativeParsers } from "../../../src/api/knative-config.ts";

const { logging, observability } = knativeParsers("jetstream-channel-dispatcher");
const OWN = "loglevel.jetstream-channel-dispatcher";
const ZAP = "zap-logger-config";

describe("config-logging", () => {
  it.each([
    ["nothing", {}, "info"],
    ["an example", { _example: 'loglevel.controller: "debug"' }, "info"],
    ["a level for all", { [ZAP]: '{"level": "warn", "encoding": "json"}' }, "warn"],
    ["no level for all", { [ZAP]: '{"encoding": "json"}' }, "info"],
    ["an empty text for all", { [ZAP]: "" }, "info"],
    ["a level of its own", { [OWN]: "debug", [ZAP]: '{"level": "error"}' }, "debug"],
    ["its own against what is wrong for all", { [OWN]: "debug", [ZAP]: "{" }, "debug"],
    ["an empty one of its own", { [OWN]: "", [ZAP]: '{"level": "error"}' }, "error"],
    ["levels of others", { "loglevel.controller": "shout", "loglevel.webhook": "debug" }, "info"],
    ["capitals", { [OWN]: "DEBUG" }, "debug"],
    ["dpanic", { [OWN]: "dpanic" }, "fatal"],
    ["panic", { [OWN]: "panic" }, "fatal"],
    ["fatal", { [OWN]: "fatal" }, "fatal"],
  ])("with %s", (_what, data, level) => {
    expect(logging.parse(data as Record<string, string>)).toBe(level);
  });

  it.each([
    [
      { [OWN]: "trace" },
      `${OWN}: "debug", "info", "warn", "error", "dpanic", "panic" or "fatal" expected, got "trace"`,
    ],
    [{ [ZAP]: '{"level": "loud"}' }, `${ZAP}: level: "debug", "info"`],
    [{ [ZAP]: '{"level": 3}' }, "got 3"],
    [{ [ZAP]: "level: info" }, `${ZAP}: JSON like {"level": "info"} expected`],
  ])("%j is refused with the key and what is allowed", (data, sentence) => {
    expect(() => logging.parse(data as Record<string, string>)).toThrow(sentence);
  });
});

describe("config-observability", () => {
  const off = { protocol: "none", endpoint: undefined, samplingRate: 0 };
  const sending = {
    "tracing-protocol": "http/protobuf",
    "tracing-endpoint": "http://collector:4318/v1/traces",
    "tracing-sampling-rate": "0.25",
  };

  it.each([
    ["nothing", {}, { tracing: off, hasMetrics: true, notes: [] }],
    ["an example", { _example: "metrics-protocol: shout" }, { tracing: off, hasMetrics: true }],
    ["keys of others", { "runtime-profiling": "enabled" }, { tracing: off }],
    ["metrics switched off", { "metrics-protocol": "none" }, { hasMetrics: false }],
    ["Prometheus", { "metrics-protocol": "prometheus" }, { hasMetrics: true, notes: [] }],
    [
      "Prometheus elsewhere",
      { "metrics-protocol": "prometheus", "metrics-endpoint": ":9000" },
      { hasMetrics: true, notes: [expect.stringMatching(/^metrics-endpoint: has no effect/)] },
    ],
    [
      "metrics that are sent",
      { "metrics-protocol": "grpc", "metrics-endpoint": "collector:4317" },
      { hasMetrics: true, notes: [expect.stringMatching(/^metrics-protocol: grpc is not supp/)] },
    ],
    [
      "traces that are sent",
      sending,
      {
        tracing: {
          protocol: "http/protobuf",
          endpoint: "http://collector:4318/v1/traces",
          samplingRate: 0.25,
        },
        notes: [],
      },
    ],
    [
      "traces that are printed",
      { "tracing-protocol": "stdout", "tracing-sampling-rate": "1" },
      { tracing: { protocol: "stdout", endpoint: undefined, samplingRate: 1 } },
    ],
  ])("with %s", (_what, data, expected) => {
    expect(observability.parse(data as Record<string, string>)).toMatchObject(expected);
  });

  it.each([
    [
      { "metrics-protocol": "statsd" },
      'metrics-protocol: "none", "prometheus", "http/protobuf" or "grpc" expected, got "statsd"',
    ],
    [
      { "tracing-protocol": "zipkin" },
      'tracing-protocol: "none", "stdout", "http/protobuf" or "grpc" expected, got "zipkin"',
    ],
    [{ "metrics-protocol": "grpc" }, "metrics-endpoint: required with metrics-protocol grpc"],
    [{ "tracing-protocol": "grpc" }, "tracing-endpoint: required with tracing-protocol grpc"],
    [{ "metrics-endpoint": ":9000" }, "metrics-endpoint: must not be set with metrics-protocol"],
    [{ "tracing-endpoint": "a:1" }, "tracing-endpoint: must not be set with tracing-protocol none"],
    [
      { "tracing-protocol": "stdout", "tracing-endpoint": "a:1" },
      "tracing-endpoint: must not be set with tracing-protocol stdout",
    ],
  ])("%j is refused with the key and what is allowed", (data, sentence) => {
    expect(() => observability.parse(data as Record<string, string>)).toThrow(sentence);
  });

  it.each(["-1", "1.1", "half", "0x", "NaN"])("a sampling rate of %s is refused", (rate) => {
    expect(() => observability.parse({ "tracing-sampling-rate": rate })).toThrow(
      `tracing-sampling-rate: a number from 0 to 1 expected, got "${rate}"`,
    );
  });

  it("names every fault at once", () => {
    const data = { "metrics-protocol": "a", "tracing-protocol": "b", "tracing-sampling-rate": "c" };
    expect(() => observability.parse(data)).toThrow(
      /metrics-protocol: .*; tracing-protocol: .*; tracing-sampling-rate: /,
    );
  });
});
