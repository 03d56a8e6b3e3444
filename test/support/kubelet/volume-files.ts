/**
 * Works out which files a volume has: from ConfigMaps, Secrets, the downward API and ServiceAccount tokens, alone or
 * projected into one. Reads the API each time, since a cache could lack what was created a moment before its Pod.
 */
import type {
  V1ConfigMap,
  V1DownwardAPIVolumeFile,
  V1KeyToPath,
  V1Pod,
  V1Secret,
  V1Volume,
  V1VolumeProjection,
} from "@kubernetes/client-node";
import type { KubeClient } from "../kube-client.ts";
import { fieldValue } from "./field-value.ts";
import { NotStartable } from "./not-startable.ts";
import type { PodTokens } from "./pod-tokens.ts";

const defaultFileMode = 0o644;

/** Holds the files of a volume by their paths in it. */
export type VolumeFiles = Map<string, { content: Buffer; mode: number }>;

/** Says whose volume it is, and where its contents come from. */
export interface VolumeContext {
  pod: V1Pod;
  client: KubeClient;
  tokens: PodTokens;
}

/** Gives the files of a volume; undefined for one that the container itself fills. Rejects while something is missing. */
export async function volumeFiles(
  volume: V1Volume,
  context: VolumeContext,
): Promise<VolumeFiles | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const files: VolumeFiles = new Map();
  if (configMap !== undefined) {
    await addProjection(files, { configMap }, { ...context, mode: configMap.defaultMode });
  } else if (secret !== undefined) {
    const { secretName, ...rest } = secret;
    const projection = { secret: { ...rest, name: secretName ?? "" } };
    await addProjection(files, projection, { ...context, mode: secret.defaultMode });
  } else if (downwardAPI !== undefined) {
    await addProjection(files, { downwardAPI }, { ...context, mode: downwardAPI.defaultMode });
  } else if (projected !== undefined) {
    for (const source of projected.sources ?? []) {
      await addProjection(files, source, { ...context, mode: projected.defaultMode });
    }
  } else {
    return undefined;
  }
  return files;
}

type ProjectionContext = VolumeContext & { mode: number | undefined };

async function addProjection(
  files: VolumeFiles,
  projection: V1VolumeProjection,
  context: ProjectionContext,
): Promise<void> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = projection;
  if (configMap !== undefined) {
    await addKeys(files, { ...configMap, kind: "ConfigMap" }, context);
  } else if (secret !== undefined) {
    await addKeys(files, { ...secret, kind: "Secret" }, context);
  } else if (downwardAPI !== undefined) {
    addFields(files, downwardAPI.items ?? [], context);
  } else if (serviceAccountToken !== undefined) {
    const { path, audience, expirationSeconds } = serviceAccountToken;
    const token = await context.tokens.token({ audience, expirationSeconds });
    files.set(path, { content: Buffer.from(token), mode: 0o600 });
  } else {
    const source = Object.keys(projection).join(", ");
    throw new NotStartable("ContainerCreating", `the projected volume source ${source} is unknown`);
  }
}

interface KeyedSource {
  kind: "ConfigMap" | "Secret";
  name?: string;
  items?: V1KeyToPath[];
  optional?: boolean;
}

async function addKeys(
  files: VolumeFiles,
  { kind, name = "", items, optional = false }: KeyedSource,
  { pod, client, mode = defaultFileMode }: ProjectionContext,
): Promise<void> {
  const namespace = pod.metadata?.namespace;
  const object = await client.find<V1ConfigMap & V1Secret>({
    ...{ apiVersion: "v1", kind, namespace, name },
  });
  if (object === undefined) {
    if (optional) return;
    throw new NotStartable("ContainerCreating", `${kind.toLowerCase()} "${name}" not found`);
  }
  const values = contents(kind, object);
  const all = [...values.keys()].map((key): V1KeyToPath => ({ key, path: key }));
  for (const item of items ?? all) {
    const content = values.get(item.key);
    if (content !== undefined) {
      files.set(item.path, { content, mode: item.mode ?? mode });
    } else if (!optional) {
      const message = `${kind.toLowerCase()} "${name}" has no key "${item.key}"`;
      throw new NotStartable("ContainerCreating", message);
    }
  }
}

/** Reads the values of a ConfigMap or a Secret as bytes, by their keys. */
export function contents(
  kind: "ConfigMap" | "Secret",
  { data = {}, binaryData = {} }: V1ConfigMap & V1Secret,
): Map<string, Buffer> {
  const text = kind === "ConfigMap" ? "utf8" : "base64";
  const values = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(data)) values.set(key, Buffer.from(value, text));
  for (const [key, value] of Object.entries(binaryData)) {
    values.set(key, Buffer.from(value, "base64"));
  }
  return values;
}

function addFields(
  files: VolumeFiles,
  items: V1DownwardAPIVolumeFile[],
  { pod, mode = defaultFileMode }: ProjectionContext,
): void {
  for (const item of items) {
    if (item.fieldRef === undefined) {
      throw new NotStartable("ContainerCreating", `${item.path}: only fieldRef is known`);
    }
    const content = Buffer.from(fieldValue(pod, item.fieldRef.fieldPath));
    files.set(item.path, { content, mode: item.mode ?? mode });
  }
}
