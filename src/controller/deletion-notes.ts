import { streamNameFor } from "../api/names.ts";
import { keyOf } from "../kube/resource.ts";
import type { Channel } from "./kinds.ts";

/** Names a channel's stream, by a guess where the dispatcher has not written it: a prefix of its configuration is not known here. */
export function streamOf({ metadata, spec, status }: Channel): string {
  const { namespace = "", name = "" } = metadata ?? {};
  return status?.stream?.name ?? (spec?.stream?.overrideName || streamNameFor({ namespace, name }));
}

/** Says of a deleted channel what it waits for, and how to let it go without. */
export function deletionWaitsNote(channel: Channel, dispatcher: string): string {
  const { namespace, name } = channel.metadata ?? {};
  const command = `kubectl -n ${namespace} patch natsjsmc ${name} --type=json -p '[{"op": "remove", "path": "/metadata/finalizers"}]'`;
  return `channel ${keyOf(channel)} is deleted and waits for its dispatcher, Deployment ${dispatcher}, to clean up after it, and no Pod of it is ready: the conditions DispatcherReady and EndpointsReady say why. To let the channel go and leave stream ${streamOf(channel)} behind: ${command}`;
}

/** Says what a channel has left in NATS that went without a dispatcher, and what to do with it. */
export function leftBehindNote(channel: Channel): string {
  const stream = streamOf(channel);
  const gone = `channel ${keyOf(channel)} is gone, and no dispatcher was there to clean up after it`;
  const { deletionPolicy, overrideName } = channel.spec?.stream ?? {};
  if (deletionPolicy?.toLowerCase() === "retain") {
    return `${gone}: its stream ${stream} stays, as spec.stream.deletionPolicy asks, and so do its consumers (nats consumer ls ${stream})`;
  }
  if (overrideName) {
    return `${gone}: what is left are its consumers on stream ${stream} (nats consumer ls ${stream}), and the stream itself where the channel made it; one that was there before the channel is its owner's, do not delete it`;
  }
  return `${gone}: delete its stream by hand (nats stream rm ${stream}) unless its events are still wanted`;
}
