/** Writes the table of values in the chart's README, between its markers. */
import type { ChartValue } from "./chart-values.ts";

const MARKED = /(<!-- values -->\n)[\s\S]*?(<!-- end -->)/;

/** Gives the README's text with the table as it should be. */
export function withValues(page: string, values: readonly ChartValue[]): string {
  return page.replace(MARKED, (_, begin: string, end: string) => {
    return `${begin}\n${tableOf(values)}\n${end}`;
  });
}

function tableOf(values: readonly ChartValue[]): string {
  const lines = [["value", "meaning", "default"], ["---", "---", "---"], ...rowsOf(values)];
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

/** Groups have a row where there is something to say of them as a whole. */
function rowsOf(values: readonly ChartValue[]): string[][] {
  return values.flatMap(({ path, default: given, meaning, schemaOf, values: below }) => {
    const words = meaning === "" && schemaOf?.startsWith("pod.") ? "As in a Pod." : meaning;
    const row = [`\`${path}\``, words.replaceAll("|", "\\|")];
    if (below === undefined) return [[...row, `\`${shown(given)}\``]];
    return [...(meaning === "" ? [] : [[...row, ""]]), ...rowsOf(below)];
  });
}

function shown(value: unknown): string {
  return JSON.stringify(value).replaceAll("|", "\\|");
}
