/** Runs `doctor` and gives its lines. */
import { expect } from "vitest";
import type { Line } from "../../src/cli/diagnosis.ts";
import { runCli } from "./cli.ts";

/** Gives all lines; the exit code has to fit them. */
export async function linesOf(given: readonly string[], env: Record<string, string> = {}) {
  const { out, err, exitCode } = await runCli(["doctor", "-o", "json", ...given], { env });
  expect(err).toBe("");
  const { lines } = JSON.parse(out) as { lines: Line[] };
  expect(exitCode).toBe(lines.some(({ level }) => level === "fail") ? 1 : 0);
  return lines;
}

/** Leaves out the lines that are ok. */
export function faulty(lines: readonly Line[]): Line[] {
  return lines.filter(({ level }) => level !== "ok");
}
