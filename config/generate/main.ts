/**
 * Writes the files of config/, the generated files of charts/ and the tables of docs/reference.md. Run by `npm run generate`; tests fail when
 * they are stale.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { valuesSchema } from "./chart-schema.ts";
import { withValues } from "./chart-table.ts";
import { generatedTemplates } from "./chart-templates.ts";
import { chartValues } from "./chart-values.ts";
import { generatedManifests } from "./manifests.ts";
import { withTables } from "./reference.ts";
import { renderedManifests } from "./rendered-manifests.ts";

const root = join(import.meta.dirname, "../..");
const chart = join(root, "charts/jetstream-channel");

writeAll(join(root, "config"), generatedManifests());
writeAll(join(chart, "templates"), generatedTemplates());

const values = chartValues(readFileSync(join(chart, "values.yaml"), "utf8"));
writeFileSync(join(chart, "values.schema.json"), valuesSchema(values));
rewrite(join(chart, "README.md"), (page) => withValues(page, values));
rewrite(join(root, "docs/reference.md"), withTables);

// The chart has to be whole by now.
writeAll(join(root, "config"), await renderedManifests());

function writeAll(folder: string, files: ReadonlyMap<string, string>): void {
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
}

function rewrite(path: string, change: (page: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}
