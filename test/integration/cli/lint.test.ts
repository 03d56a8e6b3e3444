import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli, runCliProcess } from "../../support/cli.ts";

const root = join(import.meta.dirname, "../../..");
const channel = (name: string, spec = "{}") =>
  `apiVersion: messaging.knative.dev/v1alpha1\nkind: NatsJetStreamChannel\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-lint-"));
  await mkdir(join(folder, "below"));
  const files = {
    "orders.yaml": `${channel("orders")}---\n${channel("wrong", "{ stream: { config: { replicas: x } } }")}`,
    "below/twice.yml": channel("orders"),
    "below/rival.yaml": `${channel("a", "{ stream: { overrideName: S } }")}---\n${channel("b", "{ stream: { overrideName: S } }")}`,
    "below/eventing-jetstream": "urls: x\n",
    "below/values.yaml": "urls: x\n",
    "below/notes.txt": "a: b: c",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it("names file, document, object and field of all that is wrong in a folder, and exits with 1", async () => {
  const { out, err, exitCode } = await runCli(["lint", folder]);
  expect(out.replaceAll(`${folder}/`, "").trim().split("\n")).toEqual([
    'below/eventing-jetstream, document 1, eventing-jetstream: error: unknown key "urls"; allowed: url, auth, tls, jetstream, dispatch',
    "below/rival.yaml, document 2, NatsJetStreamChannel default/b: warning: spec.stream: its stream S is that of channel default/a in below/rival.yaml, too, and a stream has one channel: give one of them another spec.stream.overrideName",
    "orders.yaml, document 1, NatsJetStreamChannel default/orders: error: metadata.name: there is another channel default/orders in below/twice.yml, document 1",
    "orders.yaml, document 2, NatsJetStreamChannel default/wrong: error: spec.stream.config.replicas: a number expected, got a text",
    "6 objects, 3 errors, 1 warning",
  ]);
  expect([err, exitCode]).toEqual(["", 1]);
});

it("gives the same as JSON", async () => {
  const { out, exitCode } = await runCli(["lint", "-o", "json", join(folder, "orders.yaml")]);
  expect(JSON.parse(out)).toEqual({
    checked: 2,
    errors: 1,
    warnings: 0,
    findings: [
      {
        file: join(folder, "orders.yaml"),
        document: 2,
        object: "NatsJetStreamChannel default/wrong",
        severity: "error",
        path: "spec.stream.config.replicas",
        reason: "a number expected, got a text",
      },
    ],
  });
  expect(exitCode).toBe(1);
});

it("reads standard input, and exits with 0 where nothing is wrong", async () => {
  const { out, exitCode } = await runCliProcess(["lint", "-"], { stdin: channel("orders") });
  expect([out, exitCode]).toEqual(["1 object, 0 errors, 0 warnings\n", 0]);
});

it("finds no error in what the project itself gives people", async () => {
  const { out, exitCode } = await runCli(["lint", join(root, "config"), join(root, "examples")]);
  expect(out).not.toContain("error:");
  expect(exitCode).toBe(0);
});

it("is content when its reader has seen enough", async () => {
  const { exitCode, err } = await runCliProcess(["--help"], { closeOut: true });
  expect([exitCode, err]).toEqual([0, ""]);
});

it.each([
  ["no command that there is", ["lnt"], 'unknown command "lnt"; allowed: '],
  [
    "no option that there is",
    ["lint", "--strict"],
    "unknown option --strict; allowed: --output, --help",
  ],
  ["an option without its value", ["lint", "-o"], "argument missing"],
  ["another word", ["lint", "-o", "xml", "x"], '--output: one of text, json expected, got "xml"'],
  ["no file", ["lint"], "a file, a folder or - expected"],
])("refuses %s with a sentence and exit code 2", async (_, given, expected) => {
  const { out, err, exitCode } = await runCli(given);
  expect(err).toContain(expected);
  expect(err).toMatch(/\nTry: jetstream-channel (lint )?--help\n$/);
  expect([out, exitCode]).toEqual(["", 2]);
});

it("says which file is not there, with exit code 1", async () => {
  const { err, exitCode } = await runCli(["lint", "/no/such/file"]);
  expect(err).toContain("/no/such/file");
  expect(exitCode).toBe(1);
});

it.each([[[]], [["--help"]], [["lint", "--help"]]])("helps with %j", async (given) => {
  const { out, exitCode } = await runCli(given);
  expect(out).toMatch(/^Usage: jetstream-channel /);
  expect(out).not.toMatch(/^.{101}/m);
  expect(exitCode).toBe(0);
});

it("says its version", async () => {
  expect((await runCliProcess(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});
