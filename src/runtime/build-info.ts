import { readFileSync } from "node:fs";

/** Reads the version of this package: its package.json is two folders above, in the clone as in `dist/`. */
export function ownVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
