import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Holds one row of a table of docs/reference.md; `path` is the field's, from the object's root on. */
export interface ReferenceRow {
  path: string;
  meaning: string;
  default?: string;
  change?: string;
  refused?: string;
}

/** Is where the page is. */
export const REFERENCE_PAGE = join(import.meta.dirname, "../../docs/reference.md");

const HEADINGS: Readonly<Record<string, "meaning" | "default" | "change" | "refused">> = {
  meaning: "meaning",
  default: "default",
  "a change is made": "change",
  "refused with": "refused",
};

/** Gives the rows of the table of some fields (`spec.stream`, `the environment`); throws where the page has none. */
export function referenceRows(of: string): ReferenceRow[] {
  const [, after] = readFileSync(REFERENCE_PAGE, "utf8").split(`<!-- fields of ${of} -->\n`);
  const [table = ""] = after?.split("<!-- end -->") ?? [];
  const [head, , ...lines] = table.trim().split("\n").map(cellsOf);
  if (head === undefined || lines.length === 0) throw new Error(`${of} has no table`);
  return lines.map(([field = "", ...cells]) => {
    const named = cells.map((cell, index) => [HEADINGS[head[index + 1] ?? ""], cell]);
    return { ...Object.fromEntries(named), path: pathOf(of, field.replaceAll("`", "")) };
  });
}

/** Gives a row's default as a channel would say it, written as `like` is; undefined where that is to say nothing. */
export function defaultValue({ default: cell = "" }: ReferenceRow, like: unknown): unknown {
  const [word = ""] = cell.split(/[,;]/);
  if (word === "no maximum") return 0;
  if (word === "true" || word === "false") return word === "true";
  if (/^\d+$/.test(word)) return typeof like === "string" ? word : Number(word);
  return /^([A-Z]\w*|\d+[a-z]+)$/.test(word) ? word : undefined;
}

function pathOf(of: string, field: string): string {
  if (!of.startsWith("spec.")) return field;
  return field.startsWith("[]") ? `${of}${field}` : `${of}.${field}`;
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replace(/\\([|<>*_\\])/g, "$1"));
}
