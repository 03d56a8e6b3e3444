import type { JetStreamManager } from "@nats-io/jetstream";
import type { Logger } from "../runtime/logger.ts";
import { Acks } from "./acks.ts";
import { Connection } from "./connection.ts";
import { apiPrefixFor, jetstream } from "./jetstream.ts";
import type { Login } from "./login.ts";
import { Publisher } from "./publisher.ts";

/** Says where the servers are, who connects, and what the publisher may have under way. */
export interface NatsClientOptions {
  servers: string[];
  /** The connection's name, by which an admin recognises it. */
  name: string;
  login: Login | undefined;
  log: Logger;
  /** JetStream's domain; "" for none. */
  domain: string;
  maxPublishes: number;
  publishTimeoutMs: number;
}

const SETTLE_MS = 3_000;

/** One login at NATS: its connection, and all that works over it. */
export class NatsClient {
  readonly connection: Connection;
  readonly publisher: Publisher;
  readonly acks: Acks;
  /** `$JS.API`, or with the domain. */
  readonly apiPrefix: string;
  readonly #domain: string;

  constructor(options: NatsClientOptions) {
    const { servers, name, login, log, domain } = options;
    this.connection = new Connection({ servers, name, log, login });
    this.publisher = new Publisher({
      connection: this.connection,
      maxInFlight: options.maxPublishes,
      timeoutMs: options.publishTimeoutMs,
    });
    this.acks = new Acks(this.connection);
    this.#domain = domain;
    this.apiPrefix = apiPrefixFor(domain);
  }

  /** Gives JetStream's management API on the connection of now; rejects when there is none. */
  jetstream(): Promise<JetStreamManager> {
    return jetstream(this.connection, this.#domain);
  }

  /** Ends once nothing awaits an answer of the server, or after the publisher's deadline. */
  async end(): Promise<void> {
    await this.publisher.end();
    await this.acks.settled(SETTLE_MS);
    this.acks.close();
    await this.connection.close();
  }
}
