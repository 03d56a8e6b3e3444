import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KnativeConfig } from "../../../src/dispatcher/knative-config.ts";
import { createLogger, type Logger } from "../../../src/runtime/logger.ts";
import { eventually } from "../../support/eventually.ts";

let folder: string;
let log: Logger;
let config: KnativeConfig;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "knative-config-"));
  log = createLogger({ name: "test", level: "error" });
  config = new KnativeConfig({ folder, log, isLevelGiven: false });
});

afterEach(async () => {
  config.stop();
  await rm(folder, { recursive: true, force: true });
});

const write = (name: string, data: unknown) =>
  writeFile(join(folder, name), typeof data === "string" ? data : JSON.stringify(data));
const becomes = (check: () => unknown, what: string) =>
  eventually(() => check() === true, { within: 10_000, what });

it.each([
  [undefined, false],
  ["", false],
  ["{}", false],
  ['{"cross-namespace-event-links":"disabled"}', false],
  ['{"cross-namespace-event-links":"enabled"}', true],
  ["cross-namespace-event-links: Enabled", true],
])(
  "with config-features %j Subscriptions of other namespaces are let in: %s",
  async (text, isOn) => {
    if (text !== undefined) await write("config-features", text);
    expect(await config.hasCrossNamespaceLinks()).toBe(isOn);
  },
);

it("a file that cannot be read is no answer", async () => {
  await write("config-features", "{");
  await expect(config.hasCrossNamespaceLinks()).rejects.toThrow("not YAML");
});

describe("while it runs", () => {
  it("brings the level of the log and of its children to what config-logging says, and back", async () => {
    const child = log.child({ part: "a" });
    await write("config-logging", { "loglevel.jetstream-channel-dispatcher": "fatal" });
    await config.start();
    const levels = () => `${log.level} ${child.level}`;
    expect(levels()).toBe("fatal fatal");
    await write("config-logging", { "zap-logger-config": '{"level": "error"}' });
    await becomes(() => levels() === "error error", "the level of all components");
    await write("config-logging", { "loglevel.jetstream-channel-dispatcher": "loud" });
    await becomes(() => config.notes.length === 1, "the fault to be noted");
    expect(config.notes[0]).toMatch(/^config-logging: loglevel.jetstream-channel-dispatcher: /);
    expect(levels()).toBe("error error");
    await write("config-logging", {});
    await becomes(() => levels() === "info info", "the default level");
    expect(config.notes).toEqual([]);
  });

  it("keeps a level that the environment gives", async () => {
    config = new KnativeConfig({ folder, log, isLevelGiven: true });
    await write("config-logging", { "loglevel.jetstream-channel-dispatcher": "debug" });
    await config.start();
    expect(log.level).toBe("error");
  });

  it("tells where spans go from now on, and keeps the last good settings", async () => {
    const told: unknown[] = [];
    config.onTracing((tracing) => told.push(tracing));
    await config.start();
    expect(told).toEqual([]);
    expect(config.tracing.protocol).toBe("none");
    const settings = {
      "tracing-protocol": "grpc",
      "tracing-endpoint": "collector:4317",
      "tracing-sampling-rate": "0.5",
    };
    const tracing = { protocol: "grpc", endpoint: "collector:4317", samplingRate: 0.5 };
    await write("config-observability", settings);
    await becomes(() => told.length === 1, "news of the tracing");
    expect([told, config.tracing]).toEqual([[tracing], tracing]);
    await write("config-observability", { ...settings, "tracing-sampling-rate": "2" });
    const fault = /^config-observability: tracing-sampling-rate: .* got "2"$/;
    await becomes(() => config.notes.some((note) => fault.test(note)), "the fault to be noted");
    expect(config.tracing).toEqual(tracing);
    await write("config-observability", { ...settings, "metrics-protocol": "none" });
    await becomes(() => !config.hasMetrics, "the metrics to be off");
    expect(told).toHaveLength(1);
  });
});
