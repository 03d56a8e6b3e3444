/** The objects of config/, as kubectl reads them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import type { KubeObject } from "./kube-client.ts";
import type { ObjectRef } from "./kube-paths.ts";

const CONFIG = join(import.meta.dirname, "../../config");

/** Gives the objects in the order in which kubectl applies them; with beginnings, those of files that begin so. */
export function manifests(...beginnings: string[]): KubeObject[] {
  const isAsked = (file: string) =>
    beginnings.length === 0 || beginnings.some((beginning) => file.startsWith(beginning));
  return readdirSync(CONFIG)
    .filter((file) => file.endsWith(".yaml") && isAsked(file))
    .sort()
    .flatMap((file) => loadAll(readFileSync(join(CONFIG, file), "utf8")) as KubeObject[]);
}

/** Names an object. */
export function refOf({ apiVersion, kind, metadata }: KubeObject): ObjectRef {
  return { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
}
