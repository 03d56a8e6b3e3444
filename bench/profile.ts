import { readFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";

/** Is one function (or an entry of V8's own such as `(garbage collector)`), or all functions of one package. */
export interface SelfTime {
  /** With file and line, for a function. */
  name: string;
  /** Time in itself, not in what it calls, in milliseconds. */
  selfMs: number;
  /** That time as a share of all time that was not idle. */
  share: number;
}

/** Is a profile, summed up; both lists begin with the longest time. */
export interface ProfileSummary {
  functions: SelfTime[];
  packages: SelfTime[];
}

type CallFrame = Profiler.Profile["nodes"][number]["callFrame"];

const notWork = new Set(["(idle)", "(root)"]);

/** Gives the environment that makes a Node program profile itself into a file, from SIGUSR2 on. */
export function profilingEnv(path: string): Record<string, string> {
  const module = new URL("./programs/profile-self.ts", import.meta.url);
  module.searchParams.set("to", path);
  return { NODE_OPTIONS: `--import=${module.href}` };
}

/** Reads a `.cpuprofile` and sums its samples up. */
export async function summariseProfile(path: string): Promise<ProfileSummary> {
  const {
    nodes,
    samples = [],
    timeDeltas = [],
  } = JSON.parse(await readFile(path, "utf8")) as Profiler.Profile;
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const functions = new Map<string, number>();
  const packages = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame !== undefined && !notWork.has(frame.functionName)) {
      // The delta after a sample is how long its function went on.
      const ms = (timeDeltas[index + 1] ?? 0) / 1_000;
      add(functions, functionName(frame), ms);
      add(packages, packageName(frame), ms);
    }
  }
  return { functions: longestFirst(functions), packages: longestFirst(packages) };
}

function add(times: Map<string, number>, name: string, ms: number): void {
  times.set(name, (times.get(name) ?? 0) + ms);
}

function longestFirst(times: Map<string, number>): SelfTime[] {
  const all = [...times].toSorted(([, a], [, b]) => b - a);
  const workMs = all.reduce((sum, [, ms]) => sum + ms, 0);
  return all.map(([name, selfMs]) => ({ name, selfMs, share: selfMs / workMs }));
}

function functionName({ functionName: name, url, lineNumber }: CallFrame): string {
  const place = url.replace(/^.*\/node_modules\//, "").replace(/^.*\/src\//, "src/");
  return `\`${name || "(anonymous)"}\`${place === "" ? "" : ` ${place}:${lineNumber + 1}`}`;
}

/** Names the npm package, the folder of ours or the part of Node that a function is in. */
function packageName({ functionName: name, url }: CallFrame): string {
  if (url === "") {
    return name.startsWith("(") ? name : "native functions (system calls, buffers, crypto)";
  }
  const inPackage = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  const own = /\/(src\/[^/]+)\//.exec(url)?.[1];
  const inNode = /^node:(?:internal\/)?_?([a-z]+)/.exec(url)?.[1];
  return inPackage ?? own ?? (inNode === undefined ? "other" : `node:${inNode}`);
}
