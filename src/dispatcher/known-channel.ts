import { CLOSED_REASONS } from "../api/conditions.ts";
import { FINALIZER } from "../api/names.ts";
import type { ChannelSettings, Refusal } from "../api/settings.ts";
import { isBeingDeleted } from "../kube/metadata.ts";
import type { ChannelObject } from "./channel-objects.ts";

/** What is known of a channel's object. */
export interface KnownChannel {
  object: ChannelObject;
  /** The object as it was after the last write of ours, if there was one. */
  written?: ChannelObject;
  /** What is served: of the newest version, or of the last that was good. */
  channel: ChannelSettings | undefined;
  refusals: Refusal[];
  /** Whether the newest version as a whole is refused. */
  isRefused: boolean;
  /** Why it must not take events. */
  closed: string | undefined;
  /** Whether nobody has decided yet if it may. */
  isUndecided: boolean;
}

/** Tells whether the channel waits for us when it is deleted. */
export function isHeld({ metadata }: ChannelObject): boolean {
  return metadata?.finalizers?.includes(FINALIZER) === true;
}

/** Says why the channel must not take events: the controller says so, which knows Knative's settings and policies. */
export function closedBy({ status }: ChannelObject): string | undefined {
  const { reason = "", message = reason } =
    status?.conditions?.find((one) => one.type === "Addressable" && one.status !== "True") ?? {};
  const isClosed = (CLOSED_REASONS as readonly string[]).includes(reason);
  return isClosed ? `The channel takes no events: ${message}.` : undefined;
}

/**
 * Tells whether the controller has yet to decide: it does once, in the same condition, and what it has written counts for as long as the channel
 * lives, also while no controller runs. Until then Knative may demand of a new channel what we cannot do. (The Go implementation's condition
 * counts: its channels were open.)
 */
export function isUndecided({ status }: ChannelObject): boolean {
  return status?.conditions?.some(({ type }) => type === "Addressable") !== true;
}

/**
 * Tells whether somebody has to act on a change. Most are of status and metadata, and nobody has. Of what a
 * write of our own brought, finalizer and status are that write; made by others they are to be put right by
 * the leader, and are what a follower waits for.
 */
export function isNews(before: KnownChannel, after: KnownChannel, by?: "own write"): boolean {
  if (before.channel !== after.channel) return true;
  if (asked(before) !== asked(after)) return true;
  if (isHeld(before.object) && !isHeld(after.object)) return true;
  return by === undefined && kept(before) !== kept(after);
}

function asked({ object, refusals }: KnownChannel): string {
  return JSON.stringify([object.metadata?.generation, refusals, isBeingDeleted(object)]);
}

function kept({ object }: KnownChannel): string {
  const { status } = object;
  const followed = status?.conditions?.find(({ type }) => type === "StreamReady")?.status;
  const attachable = status?.subscribers?.map(({ uid, ready }) => [uid, ready]);
  return JSON.stringify([isHeld(object), followed, attachable]);
}
