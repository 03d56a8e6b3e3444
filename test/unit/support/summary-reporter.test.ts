import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runProgram } from "../../support/tools/run-program.ts";

const reporter = join(import.meta.dirname, "../../support/summary-reporter.ts");
const vitest = join(
  dirname(createRequire(import.meta.url).resolve("vitest/package.json")),
  "vitest.mjs",
);
const runTimeoutMs = 60_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "summary-reporter-"));
  await writeFile(join(folder, "vitest.config.js"), "export default {};");
});

afterEach(() => rm(folder, { recursive: true }));

/** Runs vitest with our reporter on one file; gives what came after the output of the default reporter, and the code. */
async function runTests(source: string, ...further: string[]) {
  await writeFile(join(folder, "a.test.js"), source);
  const programArguments = [vitest, "run", "--root", folder, "--globals"];
  programArguments.push("--reporter", "default", "--reporter", reporter, ...further);
  const { output, exitCode } = await runProgram(process.execPath, programArguments, {
    env: { NO_COLOR: "1" },
    timeoutMs: runTimeoutMs,
  });
  const lines = output.trimEnd().split("\n");
  return {
    last: lines.at(-1),
    skips: lines.filter((line) => line.startsWith("skipped:")),
    exitCode,
  };
}

it.each([
  ["passing tests", 'it("a", () => {}); it("b", () => {});', "2 passed, 0 failed, 0 skipped", 0],
  [
    "a failing test",
    'it("a", () => {}); it("b", () => { throw 1; });',
    "1 passed, 1 failed, 0 skipped",
    1,
  ],
  [
    "a file that does not load",
    'import "./absent.js"; it("a", () => {});',
    "0 passed, 1 failed, 0 skipped",
    1,
  ],
  ["a file that is no JavaScript", "it(", "0 passed, 1 failed, 0 skipped", 1],
  ["no test at all", "", "0 passed, 1 failed, 0 skipped", 1],
  [
    "an error outside of the tests",
    'it("a", () => { Promise.reject(new Error("x")); });',
    "1 passed, 1 failed, 0 skipped",
    1,
  ],
])("counts %s", { timeout: runTimeoutMs }, async (_, source, last, exitCode) => {
  expect(await runTests(source)).toEqual({ last, skips: [], exitCode });
});

it("prints the reason of a skip and passes", { timeout: runTimeoutMs }, async () => {
  const source =
    'describe("s", () => { it("a", (ctx) => ctx.skip("no cluster here")); }); it("b", () => {});';
  expect(await runTests(source)).toEqual({
    last: "1 passed, 0 failed, 1 skipped",
    skips: ["skipped: a.test.js > s > a: no cluster here"],
    exitCode: 0,
  });
});

it.each([
  ["a skip", 'it("b", (ctx) => ctx.skip());'],
  ["a static skip", 'it.skip("b", () => {});'],
  ["a todo", 'it.todo("b");'],
  ["an `only` elsewhere", 'it.only("a", () => {}); it("b", () => {});'],
])("fails the run for %s without a reason", { timeout: runTimeoutMs }, async (_, source) => {
  const { skips, exitCode } = await runTests(`it("z", () => {});${source}`, "--allowOnly");
  expect(skips).toContain("skipped: a.test.js > b: no reason given, which fails the run");
  expect(exitCode).toBe(1);
});

it("says of tests below a failed hook that they did not run", {
  timeout: runTimeoutMs,
}, async () => {
  const source =
    'describe("s", () => { beforeAll(() => { throw new Error("x"); }); it("a", () => {}); });';
  expect(await runTests(source)).toEqual({
    last: "0 passed, 1 failed, 1 skipped",
    skips: ["skipped: a.test.js > s > a: a hook of its suite failed"],
    exitCode: 1,
  });
});

it("lets a run of selected tests pass", { timeout: runTimeoutMs }, async () => {
  const source = 'it("a", () => {}); it("b", () => {});';
  expect(await runTests(source, "-t", "a")).toEqual({
    last: "1 passed, 0 failed, 1 skipped",
    skips: [],
    exitCode: 0,
  });
});

it("counts a set-up that fails before the first test", { timeout: runTimeoutMs }, async () => {
  await writeFile(
    join(folder, "setup.js"),
    'export function setup() { throw new Error("no Go"); }',
  );
  const config = 'export default { test: { globalSetup: ["./setup.js"] } };';
  await writeFile(join(folder, "vitest.config.js"), config);
  const { last, exitCode } = await runTests('it("a", () => {});');
  expect({ last, exitCode }).toEqual({ last: "0 passed, 1 failed, 0 skipped", exitCode: 1 });
});
