/** Does what the README says a reader should do, with free ports in place of the usual ones. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RunningChild, startChild } from "../../support/child-process.ts";
import { commandsIn, fencedBlocks, ROOT } from "../../support/documents.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";

const HELLO = "examples/channels/hello.yaml";
const WITHIN = { within: 60_000 };

/** Runs in the four terminals: from the nats-server on. */
const commands = fencedBlocks("sh")
  .filter(({ at }) => at.startsWith("README.md:"))
  .map(({ text }) => text);
const commandWith = (words: string) => commands.find((text) => text.includes(words)) ?? "";

const started: RunningChild[] = [];
let folder: string;
let ports: Map<string, number>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-readme-"));
  const usual = ["4222", "8080", "8081", "9090"];
  ports = new Map(await Promise.all(usual.map(async (port) => [port, await freePort()] as const)));
  await writeFile(join(folder, "hello.yaml"), withPorts(await readFile(join(ROOT, HELLO), "utf8")));
});

afterAll(async () => {
  for (const { pid } of started) process.kill(-pid, "SIGTERM");
  await Promise.all(started.map(({ ended }) => ended));
  await rm(folder, { recursive: true, force: true });
});

it("an event of the reader's own reaches the reader's own subscriber, once", async () => {
  await terminal(`${commandWith("-js -sd").trim()} --addr 127.0.0.1 --port ${port("4222")}`);
  const subscriber = await terminal(commandWith("createServer"));
  await terminal(
    `HTTP_PORT=${port("8080")} ADMIN_PORT=${port("9090")} ${commandWith("npm run dispatcher").replace(HELLO, join(folder, "hello.yaml"))}`,
  );
  const send = commandWith("my.first.event");
  const isTaken = async () => (await curl(send)) === 202;
  await eventually(isTaken, { ...WITHIN, what: "the channel to take the event" });
  const line = 'my.first.event 1 {"hello": "world"}';
  await eventually(() => subscriber.lastLines.includes(line), { ...WITHIN, what: "the event" });
  expect(await curl(send)).toBe(202);
  expect(await curl(send.replace("-H 'ce-source: /my/laptop'", ""))).toBe(400);
  expect(await curl(send.replace("ce-id: 1", "ce-id: 2"))).toBe(202);
  await eventually(() => subscriber.lastLines.some((text) => text.includes("event 2")), {
    ...WITHIN,
    what: "the next event",
  });
  expect(subscriber.lastLines.filter((text) => text === line)).toHaveLength(1);
  const shown = await fetch(withPorts(commandsIn(commandWith(":9090/channels"))[0]?.[1] ?? ""));
  expect(await shown.text()).toContain("KN_DEFAULT__HELLO");
});

function port(usual: string): number {
  return ports.get(usual) as number;
}

function withPorts(text: string): string {
  return text.replaceAll(/\b(4222|8080|8081|9090)\b/g, (usual) => String(port(usual)));
}

/** Types a command into a terminal of its own, in the clone. */
async function terminal(command: string): Promise<RunningChild> {
  const child = await startChild({
    command: "bash",
    arguments: ["-c", `cd '${ROOT}' && ${withPorts(command)}`],
    // biome-ignore lint/style/noProcessEnv: a reader's terminal has the environment of whoever runs the tests
    env: { ...process.env, TMPDIR: folder },
  });
  started.push(child);
  return child;
}

/** Sends what a curl command would, on a machine that may have none, and gives the status. */
async function curl(text: string): Promise<number> {
  const words = commandsIn(text)[0] ?? [];
  const valuesOf = (option: string) => words.filter((_, index) => words[index - 1] === option);
  const headers = valuesOf("-H").map((header) => header.split(": ") as [string, string]);
  const url = withPorts(words.find((word) => word.startsWith("http")) ?? "");
  const body = valuesOf("-d").join("");
  const response = await fetch(url, { method: "POST", headers, body });
  await response.arrayBuffer();
  return response.status;
}
