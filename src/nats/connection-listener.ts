import type { NatsConnection } from "@nats-io/transport-node";

/** What a user of the connection wants to be told. */
export interface ConnectionListener {
  /** A new connection is there; nothing of an earlier one (subscriptions, answers) carries over. */
  connected?(nc: NatsConnection): void;
  /**
   * The next connection is to other servers, or another login's: what came over earlier ones is not settled over it, since a stream
   * there may have the same name and other events.
   */
  elsewhere?(): void;
  /** The connection is gone; what was sent and not answered may or may not have arrived. */
  disconnected?(): void;
  /** Attempts to connect fail, or do so for another reason than before: see `lastError` of the state. */
  failing?(): void;
  /** The login may not publish to a subject; what was published to it is not stored. */
  publishDenied?(subject: string): void;
}

/** The state of the connection, as the admin server and the metrics show it. */
export interface ConnectionState {
  state: "connecting" | "connected" | "closed";
  /** The server, without credentials; the last one while there is no connection. */
  server: string | undefined;
  serverVersion: string | undefined;
  /** How often a connection was lost. */
  disconnects: number;
  /** Why there is no connection, as the last attempt to connect had it. */
  lastError: string | undefined;
  /** Why the newest login, or the newest servers, do not work, while the connection of earlier ones is kept. */
  changedLogin: string | undefined;
  /** What the server does not permit the login to do, seen within the last minutes: `publish to "…"`. */
  denied: string[];
}
