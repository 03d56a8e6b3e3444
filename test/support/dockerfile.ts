import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** Holds one instruction of a Dockerfile: `RUN`, and what stands behind it. */
export interface Instruction {
  name: string;
  text: string;
}

/** Reads one of our Dockerfiles: the instructions of its stages, the last of which becomes the image. */
export function readDockerfile(program: "controller" | "dispatcher"): Instruction[][] {
  const text = readFileSync(join(ROOT, `Dockerfile.${program}`), "utf8");
  const lines = text.replaceAll(/\\\n\s*/g, "").split("\n");
  const stages: Instruction[][] = [[]];
  for (const line of lines.filter((one) => one !== "" && !one.startsWith("#"))) {
    const [, name = "", rest = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push([]);
    stages.at(-1)?.push({ name, text: rest });
  }
  // What stands before the first stage (ARG) belongs to none.
  return stages.slice(1);
}

/** Gives the texts of a stage's instructions of one name. */
export function textsOf(stage: readonly Instruction[] | undefined, name: string): string[] {
  return (stage ?? []).filter((one) => one.name === name).map(({ text }) => text);
}
