import { isDeepStrictEqual } from "node:util";
import { KIND } from "../api/names.ts";
import { isBeingDeleted } from "../kube/metadata.ts";
import type { Service } from "../kube/objects.ts";
import type { Channel } from "./kinds.ts";
import { scopeKeyOf } from "./scope.ts";

/** Tells whether a change of a channel may change its dispatcher's objects. */
export function concernsDispatcher(
  before: Channel | undefined,
  after: Channel | undefined,
): boolean {
  if (before === undefined || after === undefined) return true;
  return (
    scopeKeyOf(before) !== scopeKeyOf(after) ||
    isBeingDeleted(before) !== isBeingDeleted(after) ||
    !isDeepStrictEqual(before.spec?.auth, after.spec?.auth) ||
    !isDeepStrictEqual(before.spec?.deploymentSpecTemplate, after.spec?.deploymentSpecTemplate)
  );
}

/** Gives the keys of the channels that own a Service. */
export function ownersOf({ metadata }: Service): string[] {
  const { namespace, ownerReferences = [] } = metadata ?? {};
  return ownerReferences
    .filter(({ kind }) => kind === KIND)
    .map(({ name }) => `${namespace}/${name}`);
}
