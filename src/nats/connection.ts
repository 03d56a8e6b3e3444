/*
 * The connection to NATS, as one thing that lives as long as the program.
 *
 * Every TCP connection that is lost, or that stands still, is left for good and a new one is opened;
 * listeners get each new connection and put their subscriptions and unanswered messages on it. The
 * client's own reconnect is not used: it waits behind unsent bytes while a server is frozen, and it
 * drops what was published meanwhile without a word (docs/adr/0006-own-reconnect.md).
 *
 * This file does not know what is published or pulled, and never waits for an answer.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { serverOptionsFor } from "./servers.ts";

export type { NatsConnection } from "@nats-io/transport-node";

/** What a user of the connection wants to be told. */
export interface ConnectionListener {
  /** A new connection is there; nothing of an earlier one (subscriptions, answers) carries over. */
  connected?(nc: NatsConnection): void;
  /** The connection is gone; what was sent and not answered may or may not have arrived. */
  disconnected?(): void;
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
}

/** Times that fit a data plane: a frozen server is noticed within about six seconds. */
const PING_INTERVAL_MS = 2_000;
const MAX_PINGS_OUT = 2;
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2_000;

/** A NATS connection that comes back by itself; see the head of this file. */
export class Connection {
  readonly #servers: string[];
  readonly #name: string;
  readonly #log: Logger;
  readonly #listeners = new Set<ConnectionListener>();
  readonly #closing = new AbortController();
  /** Addresses that the cluster told us of, tried after the configured ones. */
  #discovered: string[] = [];
  #nc: NatsConnection | undefined;
  #lastMaxPayload = 1_048_576;
  #attempts = 0;
  #state: ConnectionState = {
    state: "connecting",
    server: undefined,
    serverVersion: undefined,
    disconnects: 0,
    lastError: undefined,
  };

  constructor(options: { servers: string[]; name: string; log: Logger }) {
    this.#servers = options.servers;
    this.#name = options.name;
    this.#log = options.log;
    // Faults are found at once, not at the first attempt to connect.
    serverOptionsFor(options.servers);
  }

  /** Begins to connect, and goes on for ever; a server that is away is waited for. */
  start(): void {
    void this.#connect();
  }

  /** The connection of now; undefined while there is none. */
  get current(): NatsConnection | undefined {
    return this.#nc;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The largest message the server takes, headers and data together, in bytes, as it said last; 1 MiB until known. */
  get maxPayload(): number {
    return this.#nc?.info?.max_payload ?? this.#lastMaxPayload;
  }

  /** Registers a listener; it is told at once of a connection that is already there. */
  listen(listener: ConnectionListener): () => void {
    this.#listeners.add(listener);
    if (this.#nc !== undefined) listener.connected?.(this.#nc);
    return () => this.#listeners.delete(listener);
  }

  /** Sends what is written, unsubscribes, and ends. */
  async close(): Promise<void> {
    this.#closing.abort();
    const nc = this.#nc;
    this.#nc = undefined;
    this.#state = { ...this.#state, state: "closed" };
    if (nc === undefined || nc.isClosed()) return;
    await nc.drain().catch((error: unknown) => {
      this.#log.debug({ error }, "connection was lost while it was drained");
    });
  }

  async #connect(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        const nc = await connect({
          ...serverOptionsFor([...this.#servers, ...this.#discovered]),
          name: this.#name,
          reconnect: false,
          timeout: CONNECT_TIMEOUT_MS,
          pingInterval: PING_INTERVAL_MS,
          maxPingOut: MAX_PINGS_OUT,
          noAsyncTraces: true,
        });
        if (this.#closing.signal.aborted) return await nc.close();
        this.#connected(nc);
        return;
      } catch (error) {
        const message = errorMessage(error);
        if (message !== this.#state.lastError) {
          this.#log.warn(
            { servers: this.#publicServers(), error: message },
            "cannot connect to nats, trying again",
          );
        }
        this.#state = { ...this.#state, lastError: message };
        await this.#wait();
      }
    }
  }

  #connected(nc: NatsConnection): void {
    this.#nc = nc;
    this.#lastMaxPayload = nc.info?.max_payload ?? this.#lastMaxPayload;
    this.#attempts = 0;
    this.#discovered = (nc.info?.connect_urls ?? []).filter((url) => !this.#servers.includes(url));
    this.#state = {
      state: "connected",
      server: nc.getServer(),
      serverVersion: nc.info?.version,
      disconnects: this.#state.disconnects,
      lastError: undefined,
    };
    this.#log.info(
      { server: nc.getServer(), version: nc.info?.version, maxPayload: nc.info?.max_payload },
      "connected to nats",
    );
    void this.#watch(nc);
    void nc.closed().then((error) => this.#lost(nc, error));
    for (const listener of this.#listeners) listener.connected?.(nc);
  }

  async #watch(nc: NatsConnection): Promise<void> {
    for await (const status of nc.status()) {
      if (status.type === "staleConnection") {
        // The client would first flush what a frozen server does not read; closing does not wait.
        this.#lost(nc, new Error("the server does not answer"));
        void nc.close();
      } else if (status.type === "disconnect") {
        this.#lost(nc, undefined);
      } else if (status.type === "error") {
        this.#log.warn({ error: errorMessage(status.error) }, "nats reported an error");
      } else if (status.type === "ldm") {
        this.#log.info({ server: nc.getServer() }, "nats server is going down, moving soon");
      } else if (status.type === "update") {
        this.#discovered = [...new Set([...this.#discovered, ...(status.added ?? [])])];
      }
    }
  }

  #lost(nc: NatsConnection, error: unknown): void {
    if (this.#nc !== nc) return;
    this.#nc = undefined;
    const reason = error === undefined ? "the connection was closed" : errorMessage(error);
    this.#state = {
      ...this.#state,
      state: "connecting",
      disconnects: this.#state.disconnects + 1,
      lastError: reason,
    };
    this.#log.warn({ server: this.#state.server, error: reason }, "connection to nats lost");
    for (const listener of this.#listeners) listener.disconnected?.();
    void this.#connect();
  }

  /** Waits before the next attempt: exponentially longer, jittered, so that replicas spread out. */
  async #wait(): Promise<void> {
    const ceilingMs = Math.min(
      RECONNECT_MAX_MS,
      RECONNECT_MIN_MS * 2 ** Math.min(this.#attempts, 10),
    );
    this.#attempts += 1;
    const waitMs = ceilingMs / 2 + (Math.random() * ceilingMs) / 2;
    // Closing ends the wait early.
    await sleep(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  #publicServers(): string[] {
    return serverOptionsFor(this.#servers).servers;
  }
}
