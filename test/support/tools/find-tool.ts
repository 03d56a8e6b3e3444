/**
 * Finds a program that the tests need, or builds it. Looked for in this order:
 *
 *   1. the environment variable of the tool (set but unusable is an error: it was meant)
 *   2. the PATH (what is too old is named on the terminal and passed over)
 *   3. the cache folder in the user's home, never inside the clone
 *   4. a build with the machine's Go, into that cache folder
 *
 * Called by the global set-up of the tests, by the runners of the programs and by main.ts, which warms the cache.
 */
import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { buildTool, goArchitecture, goSystem } from "./build-tool.ts";
import { runProgram } from "./run-program.ts";
import { type Tool, type ToolName, toolTable } from "./tool-table.ts";
import { isAtLeast } from "./version.ts";

const versionTimeoutMs = 30_000;

/** Says where to look and whom to tell; the defaults are this process's environment and its standard error. */
export interface FindToolOptions {
  env?: NodeJS.ProcessEnv;
  tell?: (line: string) => void;
}

type Candidate = { usable: true; version: string } | { usable: false; reason: string };

const found = new Map<ToolName, Promise<string>>();

/** Finds or builds a tool once per process and gives its absolute path. */
export function findTool(name: ToolName): Promise<string> {
  let path = found.get(name);
  if (path === undefined) {
    path = locateTool(name);
    found.set(name, path);
  }
  return path;
}

/** Finds or builds a tool without remembering it. Rejects with a sentence that says what to do. */
export async function locateTool(
  name: ToolName,
  { env = ownEnvironment(), tell = tellOnTerminal }: FindToolOptions = {},
): Promise<string> {
  const tool = toolTable[name];
  const given = env[tool.environmentVariable];
  if (given !== undefined && given !== "") {
    const candidate = await examine(tool, given);
    if (candidate.usable) {
      return given;
    }
    throw new Error(
      `${tool.environmentVariable}=${given} cannot be used: ${candidate.reason}. Correct it, or unset it to have ${name} ${tool.version} found or built`,
    );
  }
  return (await onThePath(tool, env.PATH ?? "", tell)) ?? (await fromTheCache(tool, env, tell));
}

async function onThePath(
  tool: Tool,
  searchPath: string,
  tell: (line: string) => void,
): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter).filter((entry) => entry !== "")) {
    const path = join(folder, tool.name);
    if (!(await isExecutable(path))) {
      continue;
    }
    const candidate = await examine(tool, path);
    if (candidate.usable) {
      return path;
    }
    tell(`${path} is passed over: ${candidate.reason}`);
  }
  return undefined;
}

async function fromTheCache(
  tool: Tool,
  env: NodeJS.ProcessEnv,
  tell: (line: string) => void,
): Promise<string> {
  const toolsFolder = join(cacheFolder(env), "jetstream-channel", "tools");
  const key = `${tool.name}-${tool.version}-${goSystem()}-${goArchitecture()}`;
  const target = join(toolsFolder, key, tool.name);
  const isUsable = async () => (await examine(tool, target)).usable;
  if (!(await isUsable())) {
    await buildTool(tool, { toolsFolder, target, env, isUsable, tell });
  }
  return target;
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  const configured = env.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  return configured?.startsWith("/") ? configured : join(env.HOME ?? homedir(), ".cache");
}

async function examine(tool: Tool, path: string): Promise<Candidate> {
  if (!(await isExecutable(path))) {
    return { usable: false, reason: "there is no program at this path that may be executed" };
  }
  let output: string;
  try {
    ({ output } = await runProgram(path, tool.versionArguments, { timeoutMs: versionTimeoutMs }));
  } catch {
    return { usable: false, reason: "it cannot be started" };
  }
  const version = tool.versionPattern.exec(output)?.[1];
  if (version === undefined) {
    return { usable: false, reason: `it does not tell its version with ${tool.versionArguments}` };
  }
  if (!isAtLeast(version, tool.floor)) {
    return { usable: false, reason: `it is version ${version}, and ${tool.floor} is the oldest` };
  }
  return { usable: true, version };
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function ownEnvironment(): NodeJS.ProcessEnv {
  // biome-ignore lint/style/noProcessEnv: the composition root of the tests' tools is here
  return process.env;
}

function tellOnTerminal(line: string): void {
  process.stderr.write(`${line}\n`);
}
