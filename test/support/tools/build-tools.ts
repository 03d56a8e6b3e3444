/**
 * Builds tools with the machine's Go into their places in the cache folder.
 *
 *   1. one build at a time, across processes; who waited finds the work done
 *   2. Go is there, and 5 GB of disk are free
 *   3. one `go build` after the other of the modules beside this file, with module and build caches in a folder of their
 *      own: what Kubernetes' programs have in common is compiled once
 *   4. each program is renamed into place, so that it is there whole or not at all; at the end the folder goes
 *
 * Called by find-tool.ts. Does not decide whether a build is needed.
 */
import { mkdir, readdir, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isProcessAlive, withLock } from "./lock.ts";
import { type ProgramResult, runProgram } from "./run-program.ts";
import type { Tool } from "./tool-table.ts";

const freeBytesNeeded = 5e9;
const buildFolderPrefix = "build-";

/** Says what is to be built, and where the finished program goes. */
export interface Build {
  tool: Tool;
  /** The path of the finished program, inside the folder of all tools. */
  target: string;
  /** Tells whether the target is usable already, for those who waited for somebody else's build. */
  isUsable: () => Promise<boolean>;
}

/** Says where builds are made and how they tell their progress. */
export interface BuildOptions {
  /** The folder of all tools in the cache, absolute. */
  toolsFolder: string;
  env: NodeJS.ProcessEnv;
  /** Prints one line for the person at the terminal. */
  tell: (line: string) => void;
}

/** Builds tools. Rejects with a sentence that says what to do when Go, disk space or a build itself is wanting. */
export async function buildTools(builds: readonly Build[], options: BuildOptions): Promise<void> {
  const { toolsFolder, tell } = options;
  await mkdir(toolsFolder, { recursive: true });
  const names = builds.map(({ tool }) => tool.name).join(", ");
  const waits = (owner: number) =>
    tell(`${names}: waiting for the build that process ${owner} has started`);
  await withLock(join(toolsFolder, "build.lock"), () => buildAll(builds, options), waits);
}

async function buildAll(builds: readonly Build[], options: BuildOptions): Promise<void> {
  const { toolsFolder, env, tell } = options;
  await removeLeftovers(toolsFolder);
  let goVersion: string | undefined;
  const folder = join(toolsFolder, `${buildFolderPrefix}${process.pid}`);
  try {
    for (const build of builds) {
      if (await build.isUsable()) {
        continue;
      }
      const { tool, target } = build;
      goVersion ??= await prepareGo(tool, options);
      tell(
        `${tool.name} ${tool.version} is not on this machine: building it with Go ${goVersion} into ${dirname(target)} (${tool.buildTakes}, once)`,
      );
      await goBuild(build, folder, env);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Sees to it that a first build can begin; the space is for all of them. */
async function prepareGo(tool: Tool, { toolsFolder, env }: BuildOptions): Promise<string> {
  const goVersion = await findGo(tool, env);
  await requireFreeDisk(tool, toolsFolder);
  return goVersion;
}

async function goBuild(
  { tool, target }: Build,
  folder: string,
  ownEnv: NodeJS.ProcessEnv,
): Promise<void> {
  const built = join(folder, tool.name);
  const temporary = join(folder, "tmp");
  await mkdir(temporary, { recursive: true });
  const env = {
    ...ownEnv,
    CGO_ENABLED: "0",
    GOARCH: goArchitecture(),
    GOCACHE: join(folder, "cache"),
    GOFLAGS: "-modcacherw",
    GOMODCACHE: join(folder, "modules"),
    GOOS: goSystem(),
    GOPATH: join(folder, "path"),
    GOTMPDIR: temporary,
    GOTOOLCHAIN: "local",
    GOWORK: "off",
  };
  const programArguments = ["build", "-trimpath", "-buildvcs=false"];
  programArguments.push(`-ldflags=${tool.ldflags}`, "-o", built, tool.package);
  const result = await runProgram("go", programArguments, {
    cwd: tool.module,
    env,
    temporaryFolder: folder,
  });
  if (result.exitCode !== 0) {
    throw new Error(buildFailure(tool, result));
  }
  await mkdir(dirname(target), { recursive: true });
  await rename(built, target);
}

function buildFailure(tool: Tool, { output, exitCode }: ProgramResult): string {
  const tail = output.trim().split("\n").slice(-15).join("\n");
  return `${tool.name} ${tool.version} could not be built (go build ended with ${exitCode ?? "a signal"}). Mend what Go says below (it needs the module proxy of \`go env GOPROXY\` and the Go version of ${join(tool.module, "go.mod")}), or ${instead(tool)}.\n${tail}`;
}

async function findGo(tool: Tool, env: NodeJS.ProcessEnv): Promise<string> {
  let result: ProgramResult;
  try {
    result = await runProgram("go", ["version"], { env: { ...env, GOTOOLCHAIN: "local" } });
  } catch (cause) {
    throw new Error(
      `${tool.name} has to be built and there is no Go on the PATH: install Go (https://go.dev/dl), or ${instead(tool)}`,
      { cause },
    );
  }
  return /\d+\.\d+(\.\d+)?/.exec(result.output)?.[0] ?? "of unknown version";
}

async function requireFreeDisk(tool: Tool, folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < freeBytesNeeded) {
    const freeGigabytes = (freeBytes / 1e9).toFixed(1);
    throw new Error(
      `${tool.name} has to be built, which needs 5 GB of free disk in ${folder} for a while, and only ${freeGigabytes} GB are free: free some, set XDG_CACHE_HOME to a folder on another disk, or ${instead(tool)}`,
    );
  }
}

function instead(tool: Tool): string {
  const { name, holds } = tool.environmentVariable;
  const what = holds === "folder" ? "a folder that has" : "the path of";
  return `set ${name} to ${what} a ${tool.name} of version ${tool.floor} or newer`;
}

/** Removes what builds left behind that were killed; their last processes may still be writing for a moment. */
async function removeLeftovers(toolsFolder: string): Promise<void> {
  for (const name of await readdir(toolsFolder)) {
    const pid = Number(name.slice(buildFolderPrefix.length));
    if (name.startsWith(buildFolderPrefix) && pid > 0 && !isProcessAlive(pid)) {
      const options = { recursive: true, force: true, maxRetries: 10, retryDelay: 200 };
      await rm(join(toolsFolder, name), options);
    }
  }
}

/** Spells this machine's operating system as Go does: `linux`, `darwin`, `windows`. */
export function goSystem(): string {
  return process.platform === "win32" ? "windows" : process.platform;
}

/** Spells this machine's processor as Go does: `amd64`, `arm64`. */
export function goArchitecture(): string {
  return { x64: "amd64", ia32: "386" }[process.arch as string] ?? process.arch;
}
