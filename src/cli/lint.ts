/*
 * `lint`: files → texts → what is wrong with each object (lint-text.ts) → what only shows when all are seen together →
 * lines or JSON. Asks no server.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { defineCommand, EXIT, oneOf, UsageError } from "./command.ts";
import { type Finding, isConfigName, type Judged, lintText } from "./lint-text.ts";
import { json, type Terminal } from "./terminal.ts";

/** Is an object with the file it is in. */
interface Found extends Judged {
  file: string;
}

const YAML_FILE = /^[^.].*\.(ya?ml|json)$/;
const STDIN = "-";

/** Judges channels and configuration files. */
export const lint = defineCommand({
  name: "lint",
  summary: "Check YAML of channels and configuration, without a cluster.",
  usage: "FILE|FOLDER|- …",
  about:
    "Judges NatsJetStreamChannel objects, the ConfigMaps config-jetstream and config-ch-jetstream-defaults, and the configuration files that these hold, with the parsers of the controller and the dispatcher. Objects of other kinds are left out. A folder is searched for .yaml, .yml and .json files, and the folders in it too; - is standard input.",
  options: {
    output: { short: "o", value: "text|json", help: "Lines for people (default), or JSON." },
  },
  most: Number.POSITIVE_INFINITY,
  async run({ values, positionals, terminal }) {
    const output = oneOf("output", ["text", "json"], values.output);
    if (positionals.length === 0) throw new UsageError("a file, a folder or - expected");
    const found: Found[] = [];
    for (const path of positionals) found.push(...(await lintPath(path, terminal)));
    addCollisions(found);
    const ours = found.filter((one) => one.ours);
    terminal.out(output === "json" ? json(asJson(ours)) : asText(ours, terminal));
    const isFaulty = ours.some(({ findings }) => findings.some(isError));
    return isFaulty ? EXIT.failed : EXIT.done;
  },
});

async function lintPath(path: string, terminal: Terminal): Promise<Found[]> {
  if (path === STDIN) {
    return inFile("(stdin)", lintText(await terminal.readStdin(), { isConfig: true }));
  }
  if (!(await stat(path)).isDirectory()) return await lintFile(path, true);
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => !entry.isDirectory() && isOfInterest(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.split("/").includes("node_modules"))
    .sort();
  const found: Found[] = [];
  for (const file of files) found.push(...(await lintFile(file, isConfigName(basename(file)))));
  return found;
}

async function lintFile(file: string, isConfig: boolean): Promise<Found[]> {
  return inFile(file, lintText(await readFile(file, "utf8"), { isConfig }));
}

function inFile(file: string, judged: readonly Judged[]): Found[] {
  return judged.map((one) => ({ ...one, file }));
}

function isOfInterest(name: string): boolean {
  return YAML_FILE.test(name) || isConfigName(name);
}

/** Two channels with one name, and two with one stream: the second of them is what is wrong. */
function addCollisions(found: readonly Found[]): void {
  const byKey = new Map<string, Found>();
  const byStream = new Map<string, Found>();
  for (const one of found) {
    if (one.channel === undefined) continue;
    const { key, stream } = one.channel;
    const twin = byKey.get(key);
    const rival = byStream.get(stream);
    if (twin !== undefined) {
      const reason = `there is another channel ${key} in ${twin.file}, document ${twin.document}`;
      one.findings.push({ severity: "error", path: "metadata.name", reason });
    } else if (rival !== undefined) {
      const reason = `its stream ${stream} is that of channel ${rival.channel?.key} in ${rival.file}, too, and a stream has one channel: give one of them another spec.stream.overrideName`;
      one.findings.push({ severity: "warning", path: "spec.stream", reason });
    }
    byKey.set(key, twin ?? one);
    byStream.set(stream, rival ?? one);
  }
}

function isError({ severity }: Finding): boolean {
  return severity === "error";
}

function asJson(ours: readonly Found[]) {
  const all = ours.flatMap(({ findings }) => findings);
  const errors = all.filter(isError).length;
  return {
    checked: ours.length,
    errors,
    warnings: all.length - errors,
    findings: ours.flatMap(({ file, document, what, findings }) =>
      findings.map((finding) => ({ file, document, object: what, ...finding })),
    ),
  };
}

function asText(ours: readonly Found[], { paint }: Terminal): string {
  const lines = ours.flatMap(({ file, document, what, findings }) =>
    findings.map(({ severity, path, reason }) => {
      const word = paint(severity === "error" ? "red" : "yellow", severity);
      const place = path === "" ? "" : `${path}: `;
      return `${file}, document ${document}, ${what}: ${word}: ${place}${reason}\n`;
    }),
  );
  const { checked, errors, warnings } = asJson(ours);
  const sum = [count(checked, "object"), count(errors, "error"), count(warnings, "warning")];
  return `${lines.join("")}${sum.join(", ")}\n`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
