/**
 * Puts together in a folder what an image has in /app, with the very commands of the Dockerfiles, and runs it there. The
 * first installation is left out: it is the one that this clone has.
 */
import { appendFile, cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeChannels } from "../../support/channels-file.ts";
import { createCloudEventClient } from "../../support/cloud-event-client.ts";
import { startDispatcher } from "../../support/dispatcher-process.ts";
import { readDockerfile, textsOf } from "../../support/dockerfile.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { runProgram } from "../../support/tools/run-program.ts";
import { channelFor } from "../standalone/standalone-world.ts";

const ROOT = join(import.meta.dirname, "../../..");
let app: string;
let cache: string;
let nats: NatsServer;
let sink: EventSink;

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), "jetstream-channel-image-"));
  cache = join(app, "compile-cache");
  const [build, image] = readDockerfile("dispatcher");
  const [install, compile, ...rest] = textsOf(build, "RUN");
  expect([install, compile]).toEqual(["npm ci --ignore-scripts", "npm run build"]);
  await run(`npm run build -- --outDir ${app}/dist`, ROOT);
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
    await cp(join(ROOT, file), join(app, file));
  }
  await appendFile(join(app, ".npmrc"), "prefer-offline=true\n");
  for (const command of rest) await run(command, app);
  const [compileAll = "[]"] = textsOf(image, "RUN");
  const [, ...words] = JSON.parse(compileAll.replaceAll("/app/", `${app}/`)) as string[];
  await runProgram(process.execPath, words, {
    timeoutMs: 60_000,
    env: { NODE_COMPILE_CACHE: cache },
  });
  [nats, sink] = await Promise.all([startNatsServer(), startEventSink()]);
}, 180_000);

afterAll(async () => {
  await Promise.all([nats?.stop(), sink?.close()]);
  await rm(app, { recursive: true, force: true });
});

/** Runs a command line of the Dockerfile. */
async function run(command: string, cwd: string): Promise<void> {
  const { exitCode, output } = await runProgram("sh", ["-c", command], { timeoutMs: 120_000, cwd });
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}:\n${output}`);
}

it("has no client-node and nothing for developers, and the code compiled", async () => {
  const scopes = await readdir(join(app, "node_modules"));
  expect(scopes).not.toContain("@kubernetes");
  expect(scopes).not.toContain("typescript");
  const files = await readdir(app, { recursive: true });
  expect(files.filter((path) => /\.(ts|map)$/.test(path))).toEqual([]);
  expect(files).toContain("dist/controller/main.js");
  expect(files.filter((path) => path.startsWith("compile-cache/")).length).toBeGreaterThan(300);
});

it("has a dispatcher that takes an event, delivers it, and ends in order after SIGTERM", async () => {
  const channelsPath = join(app, "channels.yaml");
  await writeChannels(channelsPath, [channelFor("orders", { subscribers: [{ uri: sink.url }] })]);
  const configPath = join(app, "eventing-jetstream.yaml");
  await writeFile(configPath, "dispatch: { quietPeriod: PT0.1S }\n");
  const dispatcher = await startDispatcher({
    main: join(app, "dist/dispatcher/main.js"),
    channelsPath,
    natsUrl: nats.url,
    env: { NATS_CONFIG_PATH: configPath, NODE_COMPILE_CACHE: cache },
  });
  const { httpPort: port } = dispatcher;
  const client = createCloudEventClient({ port, host: "any", path: "/default/orders" });
  expect((await client.sendBinary({ id: "1" })).status).toBe(202);
  await eventually(() => sink.ids.includes("1"), { within: 10_000, what: "the event to arrive" });
  client.close();
  expect(await dispatcher.kill("SIGTERM")).toBe(0);
});

it.each([
  ["where there is no cluster", {}, "there is no API server to talk to"],
  ["where a kubeconfig is named", { KUBECONFIG: "kubeconfig" }, "client-node, which is not in the"],
])("has a controller that says %s what is missing", async (_where, env, sentence) => {
  const { output, exitCode } = await runProgram(
    process.execPath,
    [join(app, "dist/controller/main.js")],
    { env: { DISPATCHER_IMAGE: "any", SYSTEM_NAMESPACE: "any", ...env }, timeoutMs: 30_000 },
  );
  expect(output).toContain(sentence);
  expect(exitCode).toBe(1);
});
