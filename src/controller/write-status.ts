import { isDeepStrictEqual } from "node:util";
import { FIELD_MANAGERS } from "../api/cluster-names.ts";

import type { Condition } from "../api/duck.ts";
import type { JsonPatchStep, KubeClient } from "../kube/client.ts";
import { nameOf } from "../kube/resource.ts";
import { CHANNELS, type Channel, type ChannelStatus } from "./kinds.ts";

/** Are the conditions that the dispatcher writes. */
const DISPATCHERS: readonly string[] = ["StreamReady", "SpecApplied"];

/** Are the fields of a status that the controller writes as a whole. */
const FIELDS = [
  "observedGeneration",
  "address",
  "addresses",
  "deadLetterSinkUri",
  "deadLetterSinkCACerts",
  "deadLetterSinkAudience",
] as const;

/** Writes the controller's part of a status where it differs, and takes away what nobody says any more; gives the channel as it is then. */
export async function writeStatus(
  client: Pick<KubeClient, "apply" | "jsonPatch">,
  channel: Channel,
  { status, signal }: { status: ChannelStatus; signal: AbortSignal },
): Promise<Channel> {
  if (!differs(channel.status, status)) return channel;
  const { namespace = "", name = "", uid = "" } = channel.metadata ?? {};
  const written = await client.apply(
    CHANNELS,
    { metadata: { namespace, name, uid }, status },
    { subresource: "status", fieldManager: FIELD_MANAGERS.controller, force: true, signal },
  );
  // An apply takes back what it has written itself, and nothing that came in another way.
  const steps = leftovers(written.status, status);
  if (steps.length === 0) return written;
  const { resourceVersion = "" } = written.metadata ?? {};
  const test = { op: "test", path: "/metadata/resourceVersion", value: resourceVersion } as const;
  const patch = [test, ...steps];
  return await client.jsonPatch(CHANNELS, nameOf(channel), {
    subresource: "status",
    patch,
    signal,
  });
}

/** Tells whether the controller's part of a status is not what it should be. */
export function differs(actual: ChannelStatus | undefined, desired: ChannelStatus): boolean {
  if (leftovers(actual, desired).length > 0) return true;
  if (FIELDS.some((field) => !isDeepStrictEqual(actual?.[field], desired[field]))) return true;
  return (desired.conditions ?? []).some(
    (condition) => !isDeepStrictEqual(find(actual, condition.type), condition),
  );
}

/** Gives the steps that take away fields and conditions which are the controller's, or nobody's, and should not be there. */
export function leftovers(
  actual: ChannelStatus | undefined,
  desired: ChannelStatus,
): JsonPatchStep[] {
  const fields = FIELDS.filter(
    (field) => actual?.[field] !== undefined && desired[field] === undefined,
  );
  const wanted = new Set([...DISPATCHERS, ...(desired.conditions ?? []).map(({ type }) => type)]);
  const stale = (actual?.conditions ?? []).flatMap(({ type }, index) =>
    wanted.has(type) ? [] : [index],
  );
  return [
    ...fields.map((field) => ({ op: "remove" as const, path: `/status/${field}` })),
    // From the end, so that the places of those before stay right.
    ...stale
      .reverse()
      .map((index) => ({ op: "remove" as const, path: `/status/conditions/${index}` })),
  ];
}

function find(status: ChannelStatus | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
