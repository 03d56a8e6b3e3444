/**
 * What a dispatcher's admin server shows as JSON: `/channels`, what this replica is doing, and `/streams`, what JetStream says of the streams
 * of its cluster. The dispatcher writes them and the command-line tool reads them; a field may be missing in those of another release.
 */

/** Is `/channels`. */
export interface ChannelsPage {
  /** The dispatcher's own login at NATS. */
  nats: LoginState;
  /** The logins that channels bring. */
  logins: (LoginState & { login: string })[];
  channels: ChannelEntry[];
}

/** Is a connection to NATS. */
export interface LoginState {
  state: string;
  server: string | undefined;
  serverVersion: string | undefined;
  lastError: string | undefined;
  changedLogin: string | undefined;
  denied: string[];
}

/** Names a field and what is to be said of it. */
export interface Remark {
  path: string;
  reason: string;
}

/** Is a channel, `namespace/name`. */
export interface ChannelEntry {
  channel: string;
  ready: boolean;
  reason?: string;
  message?: string;
  address?: string;
  stream?: { name: string; storage: string; origin: string } | undefined;
  unapplied?: Remark[];
  warnings?: Remark[];
  refusals: Remark[];
  subscribers?: SubscriberEntry[];
}

/** Is a subscriber, with what this replica alone does for it. */
export interface SubscriberEntry {
  uid: string;
  name?: string;
  ready: boolean;
  message?: string;
  held?: boolean;
  inFlight?: number;
  waiting?: number;
  deadLetters?: number | undefined;
  lastFailure?: { at: string; role: string; destination: string; reason: string } | undefined;
}

/** Is `/streams`: for each login at NATS the streams of this cluster, or why they cannot be told. */
export interface StreamsPage {
  /** As whose the dispatcher writes streams; those of another are left out. */
  clusterId: string;
  logins: LoginStreams[];
}

export interface LoginStreams {
  /** "" for the dispatcher's own. */
  login: string;
  fault?: string;
  streams: StreamReport[];
}

/** Is a stream with our metadata, as its server counts. */
export interface StreamReport {
  name: string;
  /** `namespace/name` of the channel that owns it, and how it came to. */
  channel: string;
  origin: string;
  storage: string;
  messages: number;
  bytes: number;
  firstSequence: number;
  lastSequence: number;
  /** When the newest event was stored; undefined where there never was one. */
  lastTime: string | undefined;
  consumers: ConsumerReport[];
  /** Why the consumers cannot be told. */
  fault?: string;
}

/** Is the consumer of a subscriber, as its server counts. */
export interface ConsumerReport {
  name: string;
  subscriberUid: string;
  /** Events that it has yet to get for the first time. */
  pending: number;
  /** Events that it got and that are not settled. */
  ackPending: number;
  /** Those of them that it got more than once. */
  redelivered: number;
}
