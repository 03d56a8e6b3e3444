import { findTool } from "./tools/find-tool.ts";

/**
 * Finds or builds nats-server before the first test, so that no test pays for it. The workers inherit the path in
 * `NATS_SERVER`, which is what they look at first.
 */
export async function setup(): Promise<void> {
  // biome-ignore lint/style/noProcessEnv: the environment is what the workers inherit
  process.env.NATS_SERVER = await findTool("nats-server");
}
