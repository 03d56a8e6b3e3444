/**
 * Finds or builds every tool that the tests need and prints one path per line: run it to warm the cache. Ends with 1 and
 * a sentence that says what to do when a tool cannot be had.
 */
import { findTools } from "./find-tool.ts";
import { type ToolName, toolTable } from "./tool-table.ts";

try {
  const paths = await findTools(Object.keys(toolTable) as ToolName[]);
  process.stdout.write(`${Object.values(paths).join("\n")}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
