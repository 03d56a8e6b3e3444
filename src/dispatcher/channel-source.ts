import type { ChannelSettings, Refusal } from "../api/settings.ts";

/** Where channels come from: a file in standalone mode, the Kubernetes API in a cluster. */
export interface ChannelSource {
  /** Every channel that is known, by `namespace/name`. */
  keys(): string[];
  /** A channel as it should be now; undefined when it is gone. */
  get(key: string): ChannelSettings | undefined;
  /** What is wrong with a channel's object, or with parts of it; its last good state is served. */
  refusals(key: string): Refusal[];
  /** For how long nothing has been heard of changes, in milliseconds; 0 while all is well. */
  downForMs(): number;
  /** Tells whether the subscription with a uid is known not to exist any more. */
  isSubscriptionGone(channelKey: string, uid: string): Promise<boolean>;
  /** Further things for people, shown at `/channels`. */
  report(): Record<string, unknown>;
}
