/**
 * Has promtool, Prometheus' own tool, check the rules and play them on series that are made up. It is not among the tools
 * that are built for the tests: it is looked for on the PATH, and Debian has it in the package `prometheus`.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump } from "js-yaml";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RULES_FILE, readAlerts } from "../../support/observability-files.ts";
import { runProgram } from "../../support/tools/run-program.ts";

const NOT_THERE = "promtool is not on the PATH; Debian has it in the package prometheus";

let folder: string;
let version: string | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-alerts-"));
  const told = await runProgram("promtool", ["--version"]).catch(() => undefined);
  version = told?.exitCode === 0 ? told.output : undefined;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Play {
  alert: string;
  /** What the play is about, for the name of the test. */
  when: string;
  series: Record<string, string>;
  /** When it is looked at, from the beginning. */
  at: string;
  /** Gives the labels of what fires then, severity and name left out; undefined: nothing does. */
  fires: Record<string, string> | undefined;
}

const CHANNEL = 'channel="a/b"';
const SUBSCRIBER = `${CHANNEL},subscriber="one"`;
const ONE = { channel: "a/b", subscriber: "one" };
const ready = `jetstream_channel_controller_channel_ready{${CHANNEL}}`;
const pending = `jetstream_channel_pending_messages{${SUBSCRIBER},pod="d"}`;
const held = `jetstream_channel_subscriber_held{${SUBSCRIBER},pod="d"}`;
const letters = `jetstream_channel_requests_total{${SUBSCRIBER},role="dead-letter",outcome="success"}`;
const givenUp = `jetstream_channel_deliveries_total{${SUBSCRIBER},outcome="given_up"}`;
const received = (outcome: string) =>
  `jetstream_channel_events_received_total{${CHANNEL},outcome="${outcome}"}`;
const leader = (pod: string) => `jetstream_channel_dispatcher_leader{namespace="n",pod="${pod}"}`;
const controller = `jetstream_channel_controller_leader{namespace="n",pod="c"}`;
const connected = 'jetstream_channel_nats_connected{login="dispatcher",namespace="n",pod="d"}';
const account = (what: string) =>
  `jetstream_channel_account_${what}_bytes{login="dispatcher",tier="all",storage="file"}`;
const expiry =
  'jetstream_channel_credential_expiry_timestamp_seconds{login="dispatcher",kind="certificate"}';
const DAY = 86_400;

const plays: Play[] = (
  [
    ["NotReady", "it is not for long", { [ready]: "0x20" }, "11m", { channel: "a/b" }],
    ["NotReady", "it is not for a moment", { [ready]: "0x5 1x20" }, "15m", undefined],
    [
      "EventsRefused",
      "senders are answered 503",
      { [received("unavailable")]: "0+1x20", [received("accepted")]: "0+9x20" },
      "15m",
      { channel: "a/b" },
    ],
    ["EventsRefused", "others are refused", { [received("invalid")]: "0+1x20" }, "15m", undefined],
    ["LagGrowing", "more and more wait", { [pending]: "0+100x60" }, "50m", ONE],
    ["LagGrowing", "many wait, and become fewer", { [pending]: "9000-100x60" }, "50m", undefined],
    ["LagGrowing", "few wait", { [pending]: "0+1x60" }, "50m", undefined],
    ["SubscriberHeld", "it is held", { [held]: "1x20" }, "10m", ONE],
    ["SubscriberHeld", "it is not", { [held]: "0x20" }, "10m", undefined],
    ["DeadLetters", "the first one comes", { [letters]: "0x5 1x20" }, "10m", ONE],
    ["DeadLetters", "none came for long", { [letters]: "7x40" }, "30m", undefined],
    ["EventsGivenUp", "the first one is", { [givenUp]: "0x5 1x20" }, "10m", ONE],
    ["EventsGivenUp", "none was for long", { [givenUp]: "3x40" }, "30m", undefined],
    ["DispatcherDown", "none is there, and a channel is", { [ready]: "0x20" }, "10m", {}],
    ["DispatcherDown", "none is there, and no channel", { up: "1x20" }, "10m", undefined],
    [
      "DispatcherDown",
      "none leads",
      { [leader("d1")]: "0x20", [leader("d2")]: "0x20" },
      "10m",
      { namespace: "n" },
    ],
    [
      "DispatcherDown",
      "one of two leads",
      { [leader("d1")]: "1x20", [leader("d2")]: "0x20" },
      "10m",
      undefined,
    ],
    ["ControllerDown", "none leads", { [controller]: "0x20" }, "10m", {}],
    ["ControllerDown", "one leads", { [controller]: "1x20" }, "10m", undefined],
    [
      "NatsDisconnected",
      "a login has no connection",
      { [connected]: "1x5 0x10" },
      "10m",
      { namespace: "n", pod: "d", login: "dispatcher" },
    ],
    ["NatsDisconnected", "it is lost for a moment", { [connected]: "1x5 0 1x9" }, "10m", undefined],
    [
      "StorageNearlyFull",
      "81 % are used",
      { [account("used")]: "81x30", [account("limit")]: "100x30" },
      "20m",
      { login: "dispatcher", tier: "all", storage: "file" },
    ],
    [
      "StorageNearlyFull",
      "the limit is far away",
      { [account("used")]: "81x30", [account("limit")]: "1e300x30" },
      "20m",
      undefined,
    ],
    [
      "CredentialExpiring",
      "it does in two days",
      { [expiry]: `${2 * DAY}x30` },
      "20m",
      { login: "dispatcher", kind: "certificate" },
    ],
    ["CredentialExpiring", "it does in four days", { [expiry]: `${4 * DAY}x30` }, "20m", undefined],
  ] as const
).map(([name, when, series, at, fires]) => ({
  alert: `JetStreamChannel${name}`,
  when,
  series,
  at,
  fires,
}));

it("is one that Prometheus takes", async (ctx) => {
  if (version === undefined) return ctx.skip(NOT_THERE);
  const { output, exitCode } = await runProgram("promtool", ["check", "rules", RULES_FILE]);
  expect(exitCode, output).toBe(0);
  expect(output).toContain(`${readAlerts().length} rules found`);
});

it("fires when it should, and only then", async (ctx) => {
  if (version === undefined) return ctx.skip(NOT_THERE);
  const file = join(folder, "test.yaml");
  const tests = plays.map(testOf);
  const evaluation = { rule_files: [RULES_FILE], evaluation_interval: "1m", tests };
  await writeFile(file, dump(evaluation));
  const { output, exitCode } = await runProgram("promtool", ["test", "rules", file]);
  expect(exitCode, output).toBe(0);
});

/** Writes a play as promtool wants it; what it is about is shown with a failure. */
function testOf({ alert, when, series, at, fires }: Play) {
  const rule = readAlerts().find((one) => one.alert === alert);
  const labels = { ...rule?.labels, ...fires, alertname: alert, alertstate: "firing" };
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return {
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: `ALERTS{alertname="${alert}",alertstate="firing"} # when ${when}`,
        eval_time: at,
        exp_samples: fires === undefined ? [] : [{ labels: `ALERTS{${pairs.join()}}`, value: 1 }],
      },
    ],
  };
}

it("is played firing and quiet, each of them", () => {
  const names = (isFiring: boolean) =>
    new Set(
      plays.filter(({ fires }) => (fires !== undefined) === isFiring).map(({ alert }) => alert),
    );
  const all = new Set(readAlerts().map(({ alert }) => alert));
  expect(names(true)).toEqual(all);
  expect(names(false)).toEqual(all);
});
