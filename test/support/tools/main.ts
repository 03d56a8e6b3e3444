/**
 * Finds or builds the tools that its arguments name, or every tool that the tests need, and prints one path per line: run it to warm the
 * cache. Ends with 1 and a sentence that says what to do when a tool cannot be had.
 */
import { findTools } from "./find-tool.ts";
import { type ToolName, toolTable } from "./tool-table.ts";

const known = Object.keys(toolTable) as ToolName[];
const asked = process.argv.slice(2);
const isKnown = (name: string): name is ToolName => known.some((tool) => tool === name);

try {
  const unknown = asked.find((name) => !isKnown(name));
  if (unknown !== undefined)
    throw new Error(`${unknown} is no tool; there are: ${known.join(", ")}`);
  const paths = await findTools(asked.length === 0 ? known : asked.filter(isKnown));
  process.stdout.write(`${Object.values(paths).join("\n")}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
