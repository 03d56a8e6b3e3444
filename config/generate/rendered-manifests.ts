/**
 * Renders the files of config/ that come from the chart: the templates whose names begin with a number, with the values as they are, for the
 * namespace of Knative Eventing. Needs helm.
 */
import { renderChart } from "../../test/support/helm.ts";
import { generatedManifests } from "./manifests.ts";

const SOURCE = /^# Source: jetstream-channel\/templates\/(\d.*)\n/;
// Nobody's release is applied by kubectl.
const HELM_LABEL =
  /^ +(helm\.sh\/chart|app\.kubernetes\.io\/(instance|managed-by|version)): .*\n/gm;

/** Gives the text of every such file of config/, by its name; those that `generatedManifests` has are left out. */
export async function renderedManifests(): Promise<Map<string, string>> {
  const output = await renderChart({ namespace: "knative-eventing" });
  const others = generatedManifests();
  const files = new Map<string, string>();
  for (const document of output.split(/^---\n/m)) {
    const [source, name] = SOURCE.exec(document) ?? [];
    if (source === undefined || name === undefined || others.has(name)) continue;
    const text = `${document.slice(source.length).replaceAll(HELM_LABEL, "").trim()}\n`;
    const before = files.get(name);
    files.set(name, before === undefined ? `${headerOf(name)}${text}` : `${before}---\n${text}`);
  }
  return files;
}

function headerOf(name: string): string {
  return `# Made by \`npm run generate\` out of charts/jetstream-channel/templates/${name}.\n`;
}
