/*
 * The connection to NATS, as one thing that lives as long as the program.
 *
 * Every TCP connection that is lost, or that stands still, is left for good and a new one is opened;
 * listeners get each new connection and put their subscriptions and unanswered messages on it. The
 * client's own reconnect is not used: it waits behind unsent bytes while a server is frozen, and it
 * drops what was published meanwhile without a word (docs/adr/0006-own-reconnect.md).
 *
 * A login whose files change gets a new connection before the old one is left, so that nothing stands
 * still for it. With files that do not work the old connection stays, and they are tried again until
 * they do, or others are there. The same goes for other servers, or a login that is described in another way.
 *
 * This file does not know what is published or pulled, and never waits for an answer.
 */
import { type NatsConnection, PermissionViolationError } from "@nats-io/transport-node";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { BackOff } from "./back-off.ts";
import { isRefusedLogin } from "./connect-failure.ts";
import type { ConnectionListener, ConnectionState } from "./connection-listener.ts";
import type { Expiry } from "./credentials.ts";
import { Denials, deniedAction, isInboxDenial } from "./denials.ts";
import { type Opened, openConnection, type Target } from "./open-connection.ts";
import { serverOptionsFor } from "./servers.ts";

export type { NatsConnection } from "@nats-io/transport-node";

const RECONNECT = { minMs: 50, maxMs: 2_000 };
/** There is a connection meanwhile. */
const RENEW = { minMs: 1_000, maxMs: 10_000 };
/** How long a connection has to last before the next one is tried without a wait. */
const LIVED_MS = 5_000;

/** What an attempt to connect was made with. */
type Attempt = { version: number; target: Target };

/** A NATS connection that comes back by itself; see the head of this file. */
export class Connection {
  #target: Target;
  /** That of the present connection, or of the last one. */
  #usedTarget: Target | undefined;
  #serverId: string | undefined;
  readonly #name: string;
  readonly #log: Logger;
  readonly #listeners = new Set<ConnectionListener>();
  readonly #closing = new AbortController();
  /** Addresses that the cluster told us of, tried after the configured ones. */
  #discovered: string[] = [];
  #unwatchLogin: (() => void) | undefined;
  readonly #reconnect = new BackOff(RECONNECT);
  /** There while a connection with newer files is tried. */
  #renew: BackOff | undefined;
  /** Counts the changes of the login's files and of the target; and those that had been when the connection began. */
  #loginVersion = 0;
  #usedVersion = 0;
  #nc: NatsConnection | undefined;
  #lastMaxPayload = 1_048_576;
  #connectedAt = 0;
  #denials = new Denials();
  #state: Omit<ConnectionState, "denied"> = {
    state: "connecting",
    server: undefined,
    serverVersion: undefined,
    disconnects: 0,
    lastError: undefined,
    changedLogin: undefined,
  };

  constructor(options: Target & { name: string; log: Logger }) {
    this.#target = { servers: options.servers, login: options.login };
    this.#name = options.name;
    this.#log = options.log;
    // Faults are found at once, not at the first attempt to connect.
    serverOptionsFor(options.servers);
  }

  /** Begins to connect, and goes on for ever; a server that is away is waited for. */
  start(): void {
    this.#watchLogin();
    void this.#connect();
  }

  /** Goes over to other servers, or another login; the present connection serves until there is one with them. */
  retarget(target: Target): void {
    serverOptionsFor(target.servers);
    this.#unwatchLogin?.();
    this.#target = target;
    this.#discovered = [];
    this.#watchLogin();
    this.#loginChanged();
  }

  /** The connection of now; undefined while there is none. */
  get current(): NatsConnection | undefined {
    return this.#nc;
  }

  get state(): ConnectionState {
    return { ...this.#state, denied: this.#denials.list(performance.now()) };
  }

  /** Reads when what it logs in with expires. */
  async expiries(): Promise<Expiry[]> {
    return (await this.#target.login?.expiries()) ?? [];
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
    this.#reconnect.hurry();
    this.#renew?.hurry();
    this.#unwatchLogin?.();
    const nc = this.#nc;
    this.#nc = undefined;
    this.#state = { ...this.#state, state: "closed" };
    if (nc === undefined || nc.isClosed()) return;
    await this.#drain(nc);
  }

  #watchLogin(): void {
    this.#unwatchLogin = this.#target.login?.watch(() => this.#loginChanged());
  }

  #loginChanged(): void {
    this.#loginVersion += 1;
    this.#reconnect.hurry();
    void this.#renewLogin();
  }

  async #connect(): Promise<void> {
    if (this.#reconnect.attempts > 0) await this.#reconnect.wait();
    while (!this.#closing.signal.aborted) {
      const opened = await this.#open();
      if (this.#closing.signal.aborted) return await opened.nc?.close();
      if (opened.nc !== undefined) return this.#connected(opened.nc, opened);
      const { failed } = opened;
      const isNews = failed !== this.#state.lastError;
      this.#state = { ...this.#state, lastError: failed };
      if (isNews) {
        const { servers } = serverOptionsFor(opened.target.servers);
        this.#log.warn({ servers, error: failed }, "cannot connect to nats, trying again");
        for (const listener of this.#listeners) listener.failing?.();
      }
      await this.#reconnect.wait();
    }
  }

  async #open(): Promise<Opened & Attempt> {
    const version = this.#loginVersion;
    const target = this.#target;
    const options = { discovered: this.#discovered, name: this.#name };
    return { ...(await openConnection({ ...target, ...options })), version, target };
  }

  /** Goes over to a connection with the newest files of the login; the old one serves until then. */
  async #renewLogin(): Promise<void> {
    // Whoever is at it already takes the newest.
    if (this.#renew !== undefined) return this.#renew.hurry();
    this.#renew = new BackOff(RENEW);
    for (;;) {
      const old = this.#nc;
      if (old === undefined || this.#usedVersion === this.#loginVersion) break;
      const opened = await this.#open();
      if (this.#closing.signal.aborted || this.#nc !== old) {
        await opened.nc?.close();
      } else if (opened.nc !== undefined) {
        this.#moveTo(old, opened.nc, opened);
      } else {
        this.#keepLogin(opened.failed);
        await this.#renew.wait();
      }
    }
    this.#renew = undefined;
  }

  #moveTo(old: NatsConnection, nc: NatsConnection, attempt: Attempt): void {
    const isElsewhere = this.#isElsewhere(nc, attempt.target);
    const what = attempt.target === this.#usedTarget ? "login to" : "configuration of";
    this.#log.info(`${what} nats changed, going over to a new connection`);
    this.#nc = undefined;
    this.#denials = new Denials();
    for (const listener of this.#listeners) listener.disconnected?.();
    this.#connected(nc, attempt);
    // What it would still bring is another JetStream's, and must not be settled over the new one.
    void (isElsewhere ? old.close() : this.#drain(old));
  }

  #keepLogin(error: string): void {
    if (error === this.#state.changedLogin) return;
    this.#state = { ...this.#state, changedLogin: error };
    this.#log.error({ error }, "changed login to nats does not work, keeping the connection");
  }

  async #drain(nc: NatsConnection): Promise<void> {
    // A drain whose connection is lost never ends by itself.
    await Promise.race([nc.drain(), nc.closed()]).catch((error: unknown) => {
      this.#log.debug({ error: errorMessage(error) }, "connection was lost while it was drained");
    });
  }

  #connected(nc: NatsConnection, { version, target }: Attempt): void {
    const isElsewhere = this.#isElsewhere(nc, target);
    this.#nc = nc;
    this.#usedVersion = version;
    this.#usedTarget = target;
    this.#serverId = nc.info?.server_id;
    this.#connectedAt = performance.now();
    this.#lastMaxPayload = nc.info?.max_payload ?? this.#lastMaxPayload;
    this.#discovered = (nc.info?.connect_urls ?? []).filter((url) => !target.servers.includes(url));
    this.#state = {
      state: "connected",
      server: nc.getServer(),
      serverVersion: nc.info?.version,
      disconnects: this.#state.disconnects,
      lastError: undefined,
      changedLogin: undefined,
    };
    this.#log.info(
      { server: nc.getServer(), version: nc.info?.version, maxPayload: nc.info?.max_payload },
      "connected to nats",
    );
    void this.#watch(nc);
    void nc.closed().then((error) => this.#lost(nc, error));
    if (isElsewhere) for (const listener of this.#listeners) listener.elsewhere?.();
    for (const listener of this.#listeners) listener.connected?.(nc);
    // The files may have changed since they were read for it.
    void this.#renewLogin();
  }

  /** Whether it may be another JetStream than before. */
  #isElsewhere(nc: NatsConnection, target: Target): boolean {
    const before = this.#usedTarget;
    if (before === undefined || before === target) return false;
    return before.login !== target.login || nc.info?.server_id !== this.#serverId;
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
        this.#faulted(nc, status.error);
      } else if (status.type === "ldm") {
        this.#log.info({ server: nc.getServer() }, "nats server is going down, moving soon");
      } else if (status.type === "update") {
        this.#discovered = [...new Set([...this.#discovered, ...(status.added ?? [])])];
      }
    }
  }

  #faulted(nc: NatsConnection, error: Error): void {
    if (error instanceof PermissionViolationError) this.#denied(nc, error);
    // The client calls the connection stale next, which it is not.
    else if (isRefusedLogin(error)) this.#lost(nc, error);
    else this.#log.warn({ error: errorMessage(error) }, "nats reported an error");
  }

  #denied(nc: NatsConnection, violation: PermissionViolationError): void {
    // What an earlier login may not do is history.
    if (this.#nc !== nc) return;
    const denied = deniedAction(violation);
    if (isInboxDenial(violation)) {
      this.#lost(nc, new Error(`the login may no longer ${denied}`));
      void nc.close();
      return;
    }
    if (this.#denials.note(denied, performance.now())) {
      this.#log.warn({ denied }, "login to nats lacks a permission, see docs/security.md");
    }
    if (violation.operation !== "publish") return;
    for (const listener of this.#listeners) listener.publishDenied?.(violation.subject);
  }

  #lost(nc: NatsConnection, error: unknown): void {
    if (this.#nc !== nc) return;
    this.#nc = undefined;
    // One that is lost right after it was made must not be made again without end.
    const hasLived = performance.now() - this.#connectedAt >= LIVED_MS;
    this.#reconnect.attempts = hasLived ? 0 : this.#reconnect.attempts + 1;
    const reason = error === undefined ? "the connection was closed" : errorMessage(error);
    this.#state = {
      ...this.#state,
      state: "connecting",
      disconnects: this.#state.disconnects + 1,
      lastError: reason,
      changedLogin: undefined,
    };
    this.#log.warn({ server: this.#state.server, error: reason }, "connection to nats lost");
    for (const listener of this.#listeners) listener.disconnected?.();
    void this.#connect();
  }
}
