/** The project's pages of Markdown, and what is fenced in them. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Is the folder that pages are named from. */
export const ROOT = join(import.meta.dirname, "../..");

/** Lists the pages, by their paths from the root. */
export const PAGES = globSync(
  ["*.md", "docs/**/*.md", "charts/**/*.md"].map((pattern) => join(ROOT, pattern)),
)
  .map((path) => path.slice(ROOT.length + 1))
  .sort();

/** Holds one fenced block. */
export interface FencedBlock {
  /** Page and line, `docs/delivery.md:13`. */
  at: string;
  /** What follows the fence, like `sh`; empty for none. */
  language: string;
  text: string;
}

/** Gives the text of a page. */
export function pageText(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

/** Gives the fenced blocks of all pages that are of a language. */
export function fencedBlocks(language: string): FencedBlock[] {
  return PAGES.flatMap(blocksOf).filter((block) => block.language === language);
}

function blocksOf(page: string): FencedBlock[] {
  const text = pageText(page);
  return [...text.matchAll(/^( *)```(\w*)[^\n]*\n(.*?)^\1```/gms)].map((match) => {
    const [, indent = "", language = "", inner = ""] = match;
    const line = text.slice(0, match.index).split("\n").length;
    const lines = inner.split("\n").map((one) => one.slice(indent.length));
    return { at: `${page}:${line}`, language, text: lines.join("\n") };
  });
}

/** Gives the commands of a block of shell, a list of words each, without comments and redirections; `<name>` becomes `some-name`. */
export function commandsIn(text: string): string[][] {
  const words = text
    .replaceAll(/\\\n/g, " ")
    .replaceAll(/<(\w[\w ]*)>/g, (_, name: string) => `some-${name.replaceAll(" ", "-")}`)
    .replaceAll(/('[^']*')|(\s#.*$)/gm, (_, quoted: string | undefined) => quoted ?? "")
    .match(/(?:'[^']*'|"(?:\$\([^)]*\)|[^"])*"|[^\s'"])+|\n/g);
  const commands: string[][] = [[]];
  for (const word of words ?? []) {
    if (["\n", "|", "&&", ";"].includes(word)) commands.push([]);
    else commands.at(-1)?.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2"));
  }
  return commands
    .map((command) => withoutRedirections(command))
    .filter((command) => command.length > 0 && !command[0]?.startsWith("#"));
}

function withoutRedirections(command: string[]): string[] {
  return command.filter(
    (word, index) => !/^[<>]/.test(word) && !/^[<>]+$/.test(command[index - 1] ?? ""),
  );
}
