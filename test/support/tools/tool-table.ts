import { readFileSync } from "node:fs";
import { join } from "node:path";
import { requiredVersion } from "./version.ts";

/** Names the programs that the tests can ask for. */
export type ToolName = "nats-server";

/** Describes one program: how to recognise it and how to build it. */
export interface Tool {
  name: ToolName;
  /** The version that is built, from go.mod; also the key of the cache. */
  version: string;
  /** The oldest version that is accepted when the machine has the program already. */
  floor: string;
  /** Names the environment variable that holds a path to the program and wins over everything. */
  environmentVariable: string;
  /** Makes the program print its version. */
  versionArguments: readonly string[];
  /** Finds the version in what it prints; another program's version is none. */
  versionPattern: RegExp;
  /** What `go build` builds. */
  package: string;
  ldflags: string;
  /** How long a build takes from nothing on a small machine, in words. */
  buildTakes: string;
}

/** Where the Go module of the tools is: go.mod fixes their versions, go.sum their contents. */
export const toolsModuleFolder = import.meta.dirname;

const goMod = readFileSync(join(toolsModuleFolder, "go.mod"), "utf8");

/** Lists every program that the tests can ask for. */
export const toolTable: Readonly<Record<ToolName, Tool>> = {
  "nats-server": {
    name: "nats-server",
    version: requiredVersion(goMod, "github.com/nats-io/nats-server/v2"),
    floor: "2.10",
    environmentVariable: "NATS_SERVER",
    versionArguments: ["--version"],
    versionPattern: /nats-server: v(\d+\.\d+(?:\.\d+)?)/,
    package: "github.com/nats-io/nats-server/v2",
    ldflags: "-s -w",
    buildTakes: "about a minute",
  },
};
