/**
 * Finds the programs that the tests need, or builds them. Each is looked for in this order:
 *
 *   1. the environment variable of the tool (set but unusable is an error: it was meant)
 *   2. the PATH (what is too old is named on the terminal and passed over)
 *   3. the cache folder in the user's home, never inside the clone
 *   4. a build with the machine's Go, into that cache folder; what is wanting is built together, which shares work
 *
 * Called by the global set-ups of the tests, by the runners of the programs and by main.ts, which warms the cache.
 */
import { access, constants, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { buildTools, goArchitecture, goSystem } from "./build-tools.ts";
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
export async function findTool(name: ToolName): Promise<string> {
  return (await findTools([name]))[name];
}

/** Finds or builds several tools once per process and gives their absolute paths; one build for all is the shortest. */
export async function findTools<N extends ToolName>(
  names: readonly N[],
): Promise<Record<N, string>> {
  const wanted = names.filter((name) => !found.has(name));
  const located = locateTools(wanted);
  for (const name of wanted) {
    found.set(
      name,
      located.then((paths) => paths[name]),
    );
  }
  const entries = names.map(async (name) => [name, await found.get(name)] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<N, string>;
}

/** Finds or builds tools without remembering them. Rejects with a sentence that says what to do. */
export async function locateTools<N extends ToolName>(
  names: readonly N[],
  { env = ownEnvironment(), tell = tellOnTerminal }: FindToolOptions = {},
): Promise<Record<N, string>> {
  const paths: Partial<Record<N, string>> = {};
  const wanting: N[] = [];
  for (const name of names) {
    const tool = toolTable[name];
    const target = placeInCache(tool, env);
    const path =
      (await given(tool, env, tell)) ?? (await onThePath(tool, env.PATH ?? "", tell)) ?? target;
    paths[name] = path;
    if (path === target && !(await examine(tool, target)).usable) {
      wanting.push(name);
    }
  }
  if (wanting.length > 0) {
    const builds = wanting.map((name) => {
      const tool = toolTable[name];
      const target = placeInCache(tool, env);
      return { tool, target, isUsable: async () => (await examine(tool, target)).usable };
    });
    await buildTools(builds, { toolsFolder: toolsFolder(env), env, tell });
  }
  return paths as Record<N, string>;
}

/** Looks where the environment variable points to. A folder may lack the program: envtest's have no controller-manager. */
async function given(
  tool: Tool,
  env: NodeJS.ProcessEnv,
  tell: (line: string) => void,
): Promise<string | undefined> {
  const { name: variable, holds } = tool.environmentVariable;
  const value = env[variable];
  if (value === undefined || value === "") {
    return undefined;
  }
  const path = holds === "folder" ? join(value, tool.name) : value;
  if (holds === "folder" && (await isFolder(value)) && !(await isExecutable(path))) {
    tell(`${variable}=${value} has no ${tool.name}, which is looked for elsewhere`);
    return undefined;
  }
  const candidate = await examine(tool, path);
  if (candidate.usable) {
    return path;
  }
  const what = holds === "folder" ? ` for ${tool.name}` : "";
  throw new Error(
    `${variable}=${value} cannot be used${what}: ${candidate.reason}. Correct it, or unset it to have ${tool.name} ${tool.version} found or built`,
  );
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

function placeInCache(tool: Tool, env: NodeJS.ProcessEnv): string {
  const key = `${tool.name}-${tool.version}-${goSystem()}-${goArchitecture()}`;
  return join(toolsFolder(env), key, tool.name);
}

function toolsFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), "jetstream-channel", "tools");
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
    return {
      usable: false,
      reason: `it does not tell its version with ${tool.versionArguments.join(" ")}`,
    };
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

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
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
