/**
 * Finds or builds every tool that the tests need and prints one path per line: run it to warm the cache. Ends with 1 and
 * a sentence that says what to do when a tool cannot be had.
 */
import { findTool } from "./find-tool.ts";
import { type ToolName, toolTable } from "./tool-table.ts";

try {
  for (const name of Object.keys(toolTable) as ToolName[]) {
    process.stdout.write(`${await findTool(name)}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
