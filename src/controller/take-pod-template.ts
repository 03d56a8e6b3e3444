/*
 * Takes the Pod template of a Deployment that another controller made, before it is applied for the first time.
 *
 * A server-side apply adds to what others own and removes nothing of it. The template of the Go implementation mounts a ConfigMap that nobody needs any
 * more; when that is deleted, no Pod of ours would start. So the ownership of the whole template is made ours (in `managedFields`, as kubectl does it
 * when it goes over to server-side apply), and what the next apply does not name is gone. A number of replicas that is not zero stays whoever's it was.
 */
import { FIELD_MANAGERS } from "../api/cluster-names.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Deployment, RESOURCES } from "../kube/objects.ts";
import { nameOf } from "../kube/resource.ts";

type Fields = { [field: string]: Fields };
type Entry = NonNullable<NonNullable<Deployment["metadata"]>["managedFields"]>[number];

/** Makes a Deployment's Pod template ours to apply, and gives the Deployment as it is then. */
export async function takePodTemplate(
  client: Pick<KubeClient, "get" | "mergePatch">,
  found: Deployment,
  signal: AbortSignal,
): Promise<Deployment> {
  const { deployments } = RESOURCES;
  const newest = await client.get(deployments, nameOf(found), { signal });
  const { resourceVersion, managedFields: entries = [] } = newest.metadata ?? {};
  const names = newest.spec?.replicas === 0 ? ["f:template", "f:replicas"] : ["f:template"];
  const managedFields = withFieldsTaken(entries, names);
  if (managedFields === undefined) return newest;
  const patch = { metadata: { uid: found.metadata?.uid, resourceVersion, managedFields } };
  return await client.mergePatch(deployments, nameOf(found), { patch, signal });
}

/** Gives `managedFields` with these fields of `spec` taken from whoever updated them; undefined when nobody did. */
export function withFieldsTaken(
  entries: readonly Entry[],
  names: readonly string[],
): Entry[] | undefined {
  const isName = (name: string) => names.includes(name);
  const taken: Fields = {};
  const left = entries.flatMap((entry): Entry[] => {
    const { "f:spec": spec = {}, ...others } = (entry.fieldsV1 ?? {}) as Fields;
    const isTaken = entry.operation === "Update" && entry.subresource === undefined;
    if (!isTaken || !Object.keys(spec).some(isName)) return [entry];
    merge(taken, fieldsWhere(spec, isName));
    const rest = fieldsWhere(spec, (name) => !isName(name));
    const fieldsV1 = Object.keys(rest).length === 0 ? others : { ...others, "f:spec": rest };
    return Object.keys(fieldsV1).length === 0 ? [] : [{ ...entry, fieldsV1 }];
  });
  if (Object.keys(taken).length === 0) return undefined;
  const own: Entry = {
    manager: FIELD_MANAGERS.controller,
    operation: "Apply",
    apiVersion: "apps/v1",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:spec": taken },
  };
  return [...left, own];
}

function fieldsWhere(fields: Fields, isWanted: (name: string) => boolean): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => isWanted(name)));
}

function merge(target: Fields, source: Fields): void {
  for (const [name, fields] of Object.entries(source)) {
    target[name] ??= {};
    merge(target[name], fields);
  }
}
