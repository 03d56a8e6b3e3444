/** Reads docs/cli.md, so that what users paste is what is tested. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import type { KubeObject } from "./kube-client.ts";

/** Is the whole page. */
export const cliPage = readFileSync(join(import.meta.dirname, "../../docs/cli.md"), "utf8");

const blocks = [...cliPage.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(
  ([, type = "", text = ""]) => ({
    type,
    text,
  }),
);

/** Are the files that the page shows, by the name in their first line. */
export const documentedFiles: ReadonlyMap<string, string> = new Map(
  blocks.flatMap(({ text }) => {
    const [, name, rest] = /^# (\S+\.yaml)\n(.*)$/s.exec(text) ?? [];
    return name === undefined || rest === undefined ? [] : [[name, rest] as const];
  }),
);

/** Are the commands that the page shows with what they print. */
export const documentedRuns = blocks.flatMap(({ type, text }) => {
  const [, given, output] = /^\$ jetstream-channel ([^\n]*)\n(.*)$/s.exec(text) ?? [];
  if (type !== "console" || given === undefined || output === undefined) return [];
  return [{ arguments: given.split(" "), output }];
});

/** Are the roles that the page gives, of one name. */
export function documentedRoles(name: string): KubeObject[] {
  const objects = blocks
    .filter(({ text }) => text.includes("kind: ClusterRole") || text.includes("kind: Role"))
    .flatMap(({ text }) => loadAll(text) as KubeObject[]);
  return objects.filter(({ metadata }) => metadata.name === name);
}

/** Is what a user of NATS needs for `peek`, as nats-server.conf has it. */
export const documentedPermissions =
  blocks.find(({ text }) => text.startsWith("permissions {"))?.text ?? "";
