import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTool } from "./tools/find-tool.ts";
import { type ProgramResult, runProgram } from "./tools/run-program.ts";

const timeoutMs = 60_000;

/** Is the folder of our chart. */
export const CHART = join(import.meta.dirname, "../../charts/jetstream-channel");

const buildWithinMs = 1_800_000;

/** Has the tests of a file wait until there is a helm, which may have to be built: `beforeAll(...helmIsThere)`. */
export const helmIsThere = [() => findTool("helm"), buildWithinMs] as const;

/** Runs the real helm to its end, on the cluster of a kubeconfig where it needs one, and with nothing of this machine's own settings. */
export async function helm(
  kubeconfigPath: string | undefined,
  ...programArguments: string[]
): Promise<ProgramResult> {
  const HOME = await mkdtemp(join(tmpdir(), "helm-"));
  const env = { HOME, KUBECONFIG: kubeconfigPath ?? join(HOME, "none") };
  try {
    const options = { env, timeoutMs, temporaryFolder: HOME };
    return await runProgram(await findTool("helm"), programArguments, options);
  } finally {
    await rm(HOME, { recursive: true, force: true });
  }
}

/** Renders our chart as it would be installed in a namespace; rejects with what helm says. */
export async function renderChart(options: {
  namespace: string;
  values?: object;
  release?: string;
}): Promise<string> {
  const { namespace, values = {}, release = "jetstream-channel" } = options;
  const given = ["--namespace", namespace, ...valueArguments(values)];
  const { exitCode, output } = await helm(undefined, "template", release, CHART, ...given);
  if (exitCode !== 0) throw new Error(output);
  return output;
}

/** Gives the arguments that set values. */
export function valueArguments(values: object): string[] {
  return Object.entries(values).flatMap(([key, value]) => [
    "--set-json",
    `${key}=${JSON.stringify(value)}`,
  ]);
}
