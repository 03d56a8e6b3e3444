import { styleText } from "node:util";

/** Is where a subcommand reads and writes, and the little of the environment that it may know. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  err(text: string): void;
  /** Colours a word of the output, where that is a terminal. */
  paint(style: "green" | "yellow" | "red" | "bold", text: string): string;
  readStdin(): Promise<string>;
}

/** Gives the process's own. */
export function processTerminal(env: Terminal["env"]): Terminal {
  const { stdin, stdout, stderr } = process;
  return {
    env,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    paint: (style, text) => styleText(style, text, { stream: stdout }),
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString();
    },
  };
}

/** Aligns rows in columns with two spaces between them; the first row is the heading. `numbers` are set to the right. */
export function table(
  rows: readonly (readonly string[])[],
  numbers: ReadonlySet<number> = new Set(),
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return numbers.has(column) ? cell.padStart(width) : cell.padEnd(width);
      });
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}

/** Writes a value as JSON, indented. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
