import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChild } from "../../support/child-process.ts";
import { startDispatcher } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { channelFor, shownPage } from "./standalone-world.ts";

const main = join(import.meta.dirname, "../../../src/dispatcher/main.ts");
let folder: string;
let channelsPath: string;
let busy: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-start-"));
  channelsPath = join(folder, "channels.yaml");
  await writeFile(channelsPath, dump(channelFor("a", {})));
  busy = createServer().listen(0);
});

afterAll(async () => {
  busy.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the program until it ends by itself; gives what it printed and its exit code. */
async function run(
  env: Record<string, string>,
): Promise<{ lines: string[]; exitCode: number | null }> {
  const given = { CHANNELS_PATH: channelsPath, HTTP_PORT: "0", ADMIN_PORT: "0", ...env };
  const child = await startChild({ command: process.execPath, arguments: [main], env: given });
  try {
    const end = await eventually(() => child.end() ?? false, { within: 20_000, what: "the end" });
    return { lines: [...child.lastLines], exitCode: end.exitCode };
  } finally {
    child.signal("SIGKILL");
  }
}

async function configFile(text: string): Promise<Record<string, string>> {
  const path = join(folder, "config.yaml");
  await writeFile(path, text);
  return { NATS_CONFIG_PATH: path };
}

describe("the program ends with exit code 1 and one line that says what to put right", () => {
  const missing = "/nowhere/channels.yaml";
  const rows: [what: string, env: () => Promise<Record<string, string>>, says: RegExp[]][] = [
    [
      "neither CHANNELS_PATH nor a cluster",
      async () => ({ CHANNELS_PATH: "", HOME: missing }),
      [/without CHANNELS_PATH the channels come from a cluster/, /KUBECONFIG/],
    ],
    [
      "a file of channels that is not there",
      async () => ({ CHANNELS_PATH: missing }),
      [/CHANNELS_PATH/, /\/nowhere\/channels\.yaml/, /ENOENT/],
    ],
    [
      "bad variables, all of them at once",
      async () => ({ HTTP_PORT: "http", ADMIN_PORT: "70000", LOG_LEVEL: "loud" }),
      [/HTTP_PORT/, /ADMIN_PORT/, /LOG_LEVEL/, /0 to 65535/, /trace, debug/],
    ],
    [
      "a typo in the configuration file",
      () => configFile("dispatch:\n  concurency: 7\n"),
      [/config\.yaml/, /dispatch/, /concurency/, /concurrency/, /gracePeriod/],
    ],
    [
      "a value in it that is out of bounds",
      () => configFile("dispatch:\n  concurrency: 0\n"),
      [/dispatch\.concurrency/],
    ],
    ["a configuration file that does not parse", () => configFile("url: ["), [/config\.yaml/]],
    [
      "a configuration file that is named and not there",
      async () => ({ NATS_CONFIG_PATH: "/nowhere/config.yaml" }),
      [/NATS_CONFIG_PATH/, /\/nowhere\/config\.yaml/],
    ],
    [
      "a NATS_URL that is none, without its password",
      async () => ({ NATS_URL: "nats://me:secret@host:4222,http://host" }),
      [/^NATS_URL is not right: .*http:\/\/host/, /^(?!.*secret)/],
    ],
    [
      "a port that is taken",
      async () => ({ HTTP_PORT: `${(busy.address() as AddressInfo).port}` }),
      [/EADDRINUSE/],
    ],
  ];

  it.each(rows)("%s", async (_what, env, says) => {
    const { lines, exitCode } = await run(await env());
    expect(exitCode, lines.join("\n")).toBe(1);
    const last = JSON.parse(lines.at(-1) ?? "") as { msg: string; level: string; error: string };
    expect(last).toMatchObject({ msg: "cannot start", level: "fatal" });
    for (const words of says) expect(last.error).toMatch(words);
    expect(lines.filter((line) => line.includes("fatal"))).toHaveLength(1);
    expect(lines.join("\n")).not.toMatch(/^\s+at /m);
  });
});

describe("the program waits, not ready, and says why", () => {
  it("while nats-server is away, and serves once it is there", async () => {
    const port = await freePort();
    const natsUrl = `nats://127.0.0.1:${port}`;
    const dispatcher = await startDispatcher({ channelsPath, natsUrl, untilReady: false });
    try {
      const answer = await fetch(`http://127.0.0.1:${dispatcher.adminPort}/readyz`);
      expect(answer.status).toBe(503);
      expect(await answer.text()).toMatch(/^not connected to NATS: /);
      const nats = await startNatsServer({ port });
      try {
        await eventually(async () => (await dispatcher.readiness()) === 200, {
          within: 20_000,
          what: "the dispatcher to be ready",
        });
        expect((await shownPage(dispatcher)).channels).toMatchObject([{ ready: true }]);
      } finally {
        await nats.stop();
      }
      await eventually(async () => (await dispatcher.readiness()) === 503, {
        within: 20_000,
        what: "the dispatcher not to be ready without a connection",
      });
    } finally {
      expect(await dispatcher.kill("SIGTERM")).toBe(0);
    }
  });

  it("while its file of channels cannot be used, and serves once it can", async () => {
    const nats = await startNatsServer();
    const path = join(folder, "broken.yaml");
    await writeFile(path, "[");
    const dispatcher = await startDispatcher({
      channelsPath: path,
      natsUrl: nats.url,
      untilReady: false,
    });
    try {
      const connected = async () => (await shownPage(dispatcher)).nats.state === "connected";
      await eventually(connected, { within: 20_000, what: "the connection" });
      const answer = await fetch(`http://127.0.0.1:${dispatcher.adminPort}/readyz`);
      expect(answer.status).toBe(503);
      expect(await answer.text()).toContain(path);
      await writeFile(path, dump(channelFor("a", {})));
      await eventually(async () => (await dispatcher.readiness()) === 200, {
        within: 20_000,
        what: "the dispatcher to be ready",
      });
    } finally {
      await dispatcher.kill("SIGKILL");
      await nats.stop();
    }
  });
});
