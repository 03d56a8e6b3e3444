/** Writes the generated files of config/ and the tables of docs/reference.md. Run by `npm run generate`; a test fails when they are stale. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatedManifests } from "./manifests.ts";
import { withTables } from "./reference.ts";

for (const [name, text] of generatedManifests()) {
  writeFileSync(join(import.meta.dirname, "..", name), text);
}

const page = join(import.meta.dirname, "../../docs/reference.md");
writeFileSync(page, withTables(readFileSync(page, "utf8")));
