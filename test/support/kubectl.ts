import { findTool } from "./tools/find-tool.ts";
import { type ProgramResult, runProgram } from "./tools/run-program.ts";

const timeoutMs = 60_000;

/** Runs the real kubectl with a kubeconfig, to its end: what it prints is what a user sees. */
export async function kubectl(
  kubeconfigPath: string,
  ...programArguments: string[]
): Promise<ProgramResult> {
  const home = { HOME: "/nonexistent", KUBECONFIG: kubeconfigPath };
  return await runProgram(await findTool("kubectl"), programArguments, { env: home, timeoutMs });
}
