import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type DispatcherProcess, startDispatcher } from "../../support/dispatcher-process.ts";

/** Stands for the dispatcher: the same log lines and admin paths, ready at the third question. */
const standIn = `
import { createServer } from "node:http";
const log = (fields) => process.stdout.write(JSON.stringify({ level: 30, ...fields }) + "\\n");
let asked = 0;
const admin = createServer((request, response) => {
  if (request.url === "/readyz") response.statusCode = ++asked < 3 ? 503 : 200;
  response.end(request.url === "/channels" ? JSON.stringify({ env: process.env, asked }) : "up 1");
});
admin.listen(Number(process.env.ADMIN_PORT), "127.0.0.1", () => {
  log({ msg: "admin server listening", port: admin.address().port });
  process.stdout.write("not json\\n");
  log({ msg: "http server listening", port: 4711 });
});
process.on("SIGTERM", () => { log({ msg: "bye" }); process.exit(Number(process.env.EXIT_CODE)); });
`;

let folder: string;
let running: DispatcherProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-process-"));
});

afterEach(async () => {
  await running?.kill("SIGKILL");
  running = undefined;
  await rm(folder, { recursive: true });
});

async function start(program: string, options = {}): Promise<DispatcherProcess> {
  const main = join(folder, "main.mjs");
  await writeFile(main, program);
  running = await startDispatcher({
    channelsPath: "/channels.yaml",
    natsUrl: "nats://n",
    main,
    ...options,
  });
  return running;
}

it("knows the ports from the log, waits until ready and passes on only the environment that is said", async () => {
  const dispatcher = await start(standIn, { env: { EXIT_CODE: "0" } });
  expect(dispatcher.httpPort).toBe(4711);
  expect(dispatcher.logs.map((line) => line.msg)).toEqual([
    "admin server listening",
    "not json",
    "http server listening",
  ]);
  expect(await dispatcher.channels()).toMatchObject({
    asked: 3,
    env: {
      CHANNELS_PATH: "/channels.yaml",
      NATS_URL: "nats://n",
      HTTP_PORT: "0",
      ADMIN_PORT: "0",
    },
  });
  expect(await dispatcher.channels()).not.toHaveProperty("env.PATH");
  expect(await dispatcher.metrics()).toBe("up 1");
});

it("does not ask for readiness when told so", async () => {
  const dispatcher = await start(standIn, { untilReady: false });
  expect(await dispatcher.channels()).toMatchObject({ asked: 0 });
});

it("gives the exit code after a signal, with the whole log", async () => {
  const dispatcher = await start(standIn, { env: { EXIT_CODE: "3" }, untilReady: false });
  expect(await dispatcher.kill("SIGTERM")).toBe(3);
  expect(dispatcher.logs.at(-1)).toEqual({ level: 30, msg: "bye" });
});

it("gives null when the signal itself has ended it", async () => {
  const dispatcher = await start(standIn, { untilReady: false });
  expect(await dispatcher.kill("SIGKILL")).toBeNull();
});

it("waits for a line of the log", async () => {
  const dispatcher = await start(standIn, { env: { EXIT_CODE: "0" }, untilReady: false });
  dispatcher.signal("SIGTERM");
  const line = await dispatcher.waitForLog((one) => one.msg === "bye", {
    within: 10_000,
    what: "the farewell",
  });
  expect(line.level).toBe(30);
});

it("fails at once with what was printed when the program ends instead of starting", async () => {
  await expect(start('console.error("no such stream"); process.exit(7);')).rejects.toThrow(
    "the dispatcher did not start; it printed:\nno such stream",
  );
});
