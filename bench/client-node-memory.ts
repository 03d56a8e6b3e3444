import { execFile } from "node:child_process";
import { promisify } from "node:util";

const script = `
const before = process.memoryUsage.rss();
await import("@kubernetes/client-node");
console.log((process.memoryUsage.rss() - before) / 2 ** 20);
`;

/**
 * Measures what loading client-node costs, in MiB. The programs load it to read a kubeconfig, as they do on the node of this benchmark; in a
 * Pod of a real cluster they have a token and no kubeconfig, and do not load it.
 */
export async function clientNodeMiB(): Promise<number> {
  const asModule = ["--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, asModule, {
    cwd: import.meta.dirname,
  });
  return Number(stdout);
}
