import type { ChannelSettings, Refusal } from "../api/settings.ts";
import type { ServedChannel } from "./served-channel.ts";

/** Something that happened to a channel, in the parts of a Kubernetes Event. */
export interface ChannelNote {
  type: "Normal" | "Warning";
  /** Why, in one CamelCase word that stays the same. */
  reason: string;
  /** What was done or tried, in one CamelCase word. */
  action: string;
  /** The sentence for people. */
  note: string;
}

/**
 * Where channels come from, and where it is written what became of them: a file and the log in
 * standalone mode, the Kubernetes API in a cluster.
 */
export interface ChannelSource {
  /** Every channel that is known, by `namespace/name`. */
  keys(): string[];
  /** A channel as it should be now; undefined when it is gone. */
  get(key: string): ChannelSettings | undefined;
  /** What is wrong with a channel's object, or with parts of it; its last good state is served. */
  refusals(key: string): Refusal[];
  /** Why a channel must not take events, whoever sends them; undefined when it may. Asked for every event. */
  closed(key: string): string | undefined;
  /** Whether nobody has decided yet if a channel may take events: until then it takes none. Asked for every event. */
  isUndecided(key: string): boolean;
  /** For how long nothing has been heard of changes, in milliseconds; 0 while all is well. */
  downForMs(): number;
  /** Tells whether the subscription with a uid is known not to exist any more. */
  isSubscriptionGone(uid: string): Promise<boolean>;
  /** Whether this replica may change streams, consumers and objects; of several replicas one may. */
  isLeader(): boolean;
  /** A channel that is being deleted and waits for `release`; undefined for every other one. */
  leaving(key: string): ChannelSettings | undefined;
  /** Finds out whether the stream of a channel that is not there any more has to go with it. */
  deletesStream(channel: ChannelSettings): Promise<boolean>;
  /**
   * Sees to it that a channel cannot go before `release`; tells whether it could until now, so that nothing can
   * have been made for it. To be called before anything is.
   */
  hold(key: string): Promise<boolean>;
  /** Lets a deleted channel go: nothing that it owned is left. */
  release(key: string): Promise<void>;
  /** Writes what became of a channel for those who ask Kubernetes. */
  tell(key: string, served: ServedChannel | undefined): Promise<void>;
  /** Writes some time soon what happened, for those who ask Kubernetes; the log has it in any case. */
  note(key: string, note: ChannelNote): void;
  /** Further things for people, shown at `/channels`. */
  report(): Record<string, unknown>;
}
