import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type RunningChild, startChild } from "../../support/child-process.ts";
import { eventually } from "../../support/eventually.ts";

const source = (name: string) => join(import.meta.dirname, `../../../src/runtime/${name}.ts`);
let child: RunningChild | undefined;

afterEach(async () => {
  child?.signal("SIGKILL");
  await child?.ended;
});

/** Runs a program with these steps, written as JavaScript, until it says that it is up. */
async function start(
  steps: string,
  { graceMs = 60_000, afterwards = "" } = {},
): Promise<RunningChild> {
  const program = `
    const { runUntilSignal } = await import(${JSON.stringify(source("lifecycle"))});
    const { createLogger } = await import(${JSON.stringify(source("logger"))});
    const log = createLogger({ name: "test", level: "info" });
    const hour = () => new Promise((resolve) => setTimeout(resolve, 3_600_000));
    runUntilSignal({ log, gracePeriodMs: () => ${graceMs}, steps: [${steps}] });
    const alive = setInterval(() => {}, 1_000);
    process.once("SIGTERM", () => clearInterval(alive));
    log.info("up");
    ${afterwards}`;
  const started = await startChild({
    command: process.execPath,
    arguments: ["--input-type=module", "--eval", program],
    env: {},
  });
  child = started;
  await eventually(() => logs(started).some(({ msg }) => msg === "up"), {
    within: 20_000,
    what: "the program to be up",
  });
  return started;
}

const logs = ({ lastLines }: RunningChild) =>
  lastLines.map((line) => JSON.parse(line) as { msg: string; [field: string]: unknown });

const messages = (program: RunningChild) => logs(program).map(({ msg }) => msg);

const exitCode = async (program: RunningChild) => (await program.ended).exitCode;

const step = (name: string, body: string) =>
  `["${name}", async (remainingMs) => { log.info({ remainingMs }, "${name}"); ${body} }]`;

describe("a program that is told to stop", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "by %s runs its steps in order and exits 0",
    async (signal) => {
      const program = await start([step("first", ""), step("second", "")].join());
      program.signal(signal);
      expect(await exitCode(program)).toBe(0);
      expect(messages(program)).toEqual(["up", "shutting down", "first", "second", "shut down"]);
      expect(logs(program)[1]).toMatchObject({ reason: signal, graceMs: 60_000 });
    },
  );

  it("has written its last lines when it ends, in order, however busy the machine is", async () => {
    // Lines are written by the same threads that do this.
    const busy = `for (let each = 0; each < 4; each += 1) pbkdf2("", "", 300_000, 64, "sha512", () => {});`;
    const program = await start(step("first", ""), {
      afterwards: `const { pbkdf2 } = await import("node:crypto"); process.prependListener("SIGTERM", () => { ${busy} });`,
    });
    program.signal("SIGTERM");
    expect(await exitCode(program)).toBe(0);
    expect(messages(program)).toEqual(["up", "shutting down", "first", "shut down"]);
  });

  it("gives each step the time that is left", async () => {
    const program = await start(step("first", ""), { graceMs: 30_000 });
    program.signal("SIGTERM");
    await exitCode(program);
    const remainingMs = logs(program)[2]?.remainingMs;
    expect(remainingMs).toBeGreaterThan(20_000);
    expect(remainingMs).toBeLessThanOrEqual(30_000);
  });

  it("goes on after a step that fails, and exits 1", async () => {
    const fails = step("first", 'throw new Error("cannot close");');
    const program = await start([fails, step("second", "")].join());
    program.signal("SIGTERM");
    expect(await exitCode(program)).toBe(1);
    expect(messages(program)).toContain("second");
    expect(logs(program)).toContainEqual(
      expect.objectContaining({ msg: "shutdown step failed", step: "first" }),
    );
  });

  it("exits 1 when a step takes longer than the grace period", async () => {
    const program = await start(step("first", "await hour();"), { graceMs: 100 });
    program.signal("SIGTERM");
    expect(await exitCode(program)).toBe(1);
    expect(messages(program).at(-1)).toMatch(/grace period is over/);
  });

  it("exits 1 when a step waits for what cannot come any more", async () => {
    const program = await start(step("first", "await new Promise(() => {});"), { graceMs: 100 });
    program.signal("SIGTERM");
    expect(await exitCode(program)).toBe(1);
  });

  it("twice exits at once", async () => {
    const program = await start(step("first", "await hour();"));
    program.signal("SIGTERM");
    await eventually(() => messages(program).includes("first"), { within: 10_000, what: "a step" });
    program.signal("SIGTERM");
    expect(await exitCode(program)).toBe(1);
    expect(messages(program).at(-1)).toMatch(/told to stop twice/);
  });
});

describe("a fault that nobody caught", () => {
  it.each([
    ["an exception", 'setImmediate(() => { throw new Error("a bug"); });'],
    ["a rejection", 'void Promise.reject(new Error("a bug"));'],
  ])(
    "%s is logged, and ends the program by its steps with exit code 1",
    async (_what, afterwards) => {
      const program = await start(step("first", ""), { afterwards });
      expect(await exitCode(program)).toBe(1);
      expect(messages(program)).toContain("first");
      expect(logs(program)).toContainEqual(
        expect.objectContaining({
          level: "fatal",
          error: expect.objectContaining({ message: "a bug" }),
        }),
      );
    },
  );
});
