/*
 * The dispatcher's logins at NATS: its own, and one for each login that channels bring (`spec.auth`).
 *
 * Channels of a namespace with the same login share a connection. It is made for the first that takes
 * it, and ended when the last has returned it: flow 1 takes one for each channel, and each subscription
 * holds it until its last delivery is settled. What is published, pulled or settled is not known here.
 */
import { isDeepStrictEqual } from "node:util";
import type { NatsConfig } from "../api/nats-config.ts";
import type { ChannelSettings } from "../api/settings.ts";
import { NatsClient } from "../nats/client.ts";
import { type Login, loginFrom } from "../nats/login.ts";
import { SecretFolder } from "../nats/secrets.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";

export interface NatsClientsOptions {
  configuration: NatsConfig & { servers: string[] };
  /** The folder of Secrets, `SECRETS_PATH`. */
  secretsPath: string;
  /** The dispatcher's namespace: whose Secrets its own login names. */
  namespace: string;
  /** Goes before the login's name in the names of connections. */
  name: string;
  log: Logger;
  /** A login of channels is connected, at first or again, or fails for a new reason. */
  onChange: (login: ChannelLogin) => void;
  /** What a client is connected to is another JetStream, perhaps: its streams and consumers have to be looked at again. */
  onElsewhere: (client: NatsClient) => void;
}

/** A login that channels bring, while it is used. */
export interface ChannelLogin {
  /** `<namespace>/<Secret>`, for people; with `/<key>` where that is not the usual one. */
  readonly name: string;
  readonly client: NatsClient;
}

/** The keys of a Secret for each way to log in, where the channel does not say them (api/auth.ts). */
const USUAL_KEYS: Readonly<Record<string, string>> = {
  credentialFile: "nats.creds",
  usernamePassword: "username,password",
  token: "token",
  nKey: "nats.creds",
};

interface SharedLogin extends ChannelLogin {
  key: string;
  users: number;
  login: Login;
  /** One of the channels that brought it. */
  channel: ChannelSettings;
}

/** Every login in use; see the head of this file. */
export class NatsClients {
  /** The dispatcher's own login, which every channel without one uses. */
  readonly own: NatsClient;
  readonly #options: NatsClientsOptions;
  readonly #shared = new Map<string, SharedLogin>();
  readonly #ending = new Set<Promise<void>>();
  #configuration: NatsClientsOptions["configuration"];
  #ownLogin: Login | undefined;
  #maxPayload = 0;

  constructor(options: NatsClientsOptions) {
    this.#options = options;
    this.#configuration = options.configuration;
    const { name, log } = options;
    this.#ownLogin = this.#loginOfOwn();
    this.own = this.#clientFor({ name, log, login: this.#ownLogin });
  }

  /** Works by another configuration from now on; where servers or logins are others, connections go over to them. */
  configure(configuration: NatsClientsOptions["configuration"]): void {
    const before = this.#configuration;
    this.#configuration = configuration;
    const { maxPublishes: maxInFlight, publishTimeoutMs: timeoutMs } = configuration.dispatch;
    for (const { publisher } of this.all) publisher.limit({ maxInFlight, timeoutMs });
    const { servers, auth, tls } = configuration;
    const hasOtherServers = !isDeepStrictEqual(before.servers, servers);
    const hasOtherTls = !isDeepStrictEqual(before.tls, tls);
    const hasOtherLogin = hasOtherTls || !isDeepStrictEqual(before.auth, auth);
    // A login that is the same stays the same object, so that its connection knows.
    if (hasOtherLogin) this.#ownLogin = this.#loginOfOwn();
    if (hasOtherServers || hasOtherLogin) {
      this.own.connection.retarget({ servers, login: this.#ownLogin });
    }
    if (!(hasOtherServers || hasOtherTls)) return;
    for (const shared of this.#shared.values()) {
      if (hasOtherTls) shared.login = this.#loginOf(shared.channel);
      shared.client.connection.retarget({ servers, login: shared.login });
    }
  }

  /** The logins that channels brought. */
  get ofChannels(): readonly ChannelLogin[] {
    return [...this.#shared.values()];
  }

  /** Every client in use, the dispatcher's own first. */
  get all(): readonly NatsClient[] {
    return [this.own, ...this.ofChannels.map(({ client }) => client)];
  }

  /** The largest message that any of the servers sends, headers included, in bytes. */
  get maxPayload(): number {
    return this.#maxPayload;
  }

  /** Tells whether a client is the one that a channel uses. */
  isFor(client: NatsClient, channel: ChannelSettings): boolean {
    const key = keyOf(channel);
    return client === (key === undefined ? this.own : this.#shared.get(key)?.client);
  }

  /** Takes the client that a channel uses, which is connected later or now; to be released once. */
  take(channel: ChannelSettings): NatsClient {
    const key = keyOf(channel);
    if (key === undefined) return this.own;
    const known = this.#shared.get(key) ?? this.#share(key, channel);
    known.users += 1;
    return known.client;
  }

  /** Takes a client once more, for as long as something works with it; gives the function that returns it. */
  hold(client: NatsClient): () => void {
    const shared = this.#sharedBy(client);
    if (shared !== undefined) shared.users += 1;
    let isHeld = true;
    return () => {
      // A second return would be somebody else's.
      if (isHeld) this.release(client);
      isHeld = false;
    };
  }

  /** Returns a client; the last one to do so ends it, once nothing waits for the server's answer. */
  release(client: NatsClient): void {
    const shared = this.#sharedBy(client);
    if (shared === undefined) return;
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#shared.delete(shared.key);
    this.#learnMaxPayload();
    const { log } = this.#options;
    const ending = client
      .end()
      .catch((error: unknown) => log.warn({ error: errorMessage(error) }, "connection not closed"))
      .then(() => log.info({ login: shared.name }, "login to nats is no longer used"))
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /** Closes every connection; to be called when nothing is under way any more. */
  async close(): Promise<void> {
    await Promise.all([...this.all.map(({ connection }) => connection.close()), ...this.#ending]);
  }

  #share(key: string, channel: ChannelSettings): SharedLogin {
    const name = loginNameOf(channel);
    const login = this.#loginOf(channel);
    const client = this.#clientFor({
      name: `${this.#options.name} ${name}`,
      log: this.#options.log.child({ login: name }),
      login,
    });
    const shared: SharedLogin = { key, name, client, login, channel, users: 0 };
    this.#shared.set(key, shared);
    const changed = () => this.#options.onChange(shared);
    client.connection.listen({ connected: changed, failing: changed });
    client.connection.start();
    return shared;
  }

  #loginOfOwn(): Login | undefined {
    const { auth, tls } = this.#configuration;
    if (auth === undefined && tls === undefined) return undefined;
    return loginFrom({ login: { auth, tls }, secrets: this.#secretsOf(this.#options.namespace) });
  }

  /** Which server that is, and how it is known, is the dispatcher's to say; who logs in, the channel's. */
  #loginOf({ namespace, login }: ChannelSettings): Login {
    const { tls } = this.#configuration;
    const ofDispatcher = this.#secretsOf(this.#options.namespace);
    return loginFrom(
      { login: { auth: undefined, tls }, secrets: ofDispatcher },
      { login: { auth: login?.auth, tls: undefined }, secrets: this.#secretsOf(namespace) },
    );
  }

  #clientFor(options: { name: string; log: Logger; login: Login | undefined }): NatsClient {
    const { servers, jetstream, dispatch } = this.#configuration;
    const { maxPublishes, publishTimeoutMs } = dispatch;
    const { domain } = jetstream;
    const client = new NatsClient({ ...options, servers, domain, maxPublishes, publishTimeoutMs });
    client.connection.listen({
      connected: () => this.#learnMaxPayload(),
      elsewhere: () => this.#options.onElsewhere(client),
    });
    this.#maxPayload = Math.max(this.#maxPayload, client.connection.maxPayload);
    return client;
  }

  #learnMaxPayload(): void {
    this.#maxPayload = Math.max(...this.all.map(({ connection }) => connection.maxPayload));
  }

  #secretsOf(namespace: string): SecretFolder {
    return new SecretFolder({ root: this.#options.secretsPath, namespace });
  }

  #sharedBy(client: NatsClient): SharedLogin | undefined {
    for (const shared of this.#shared.values()) if (shared.client === client) return shared;
    return undefined;
  }
}

/** Names a channel's login for people: its Secret, and the keys where they are not the usual ones; "" for the dispatcher's own. */
export function loginNameOf({ namespace, login }: ChannelSettings): string {
  const [way] = Object.entries(login?.auth ?? {}) as [string, { secret: Record<string, string> }][];
  if (way === undefined) return "";
  const { secretName, ...keys } = way[1].secret;
  const names = Object.values(keys);
  const isUsual = names.join() === USUAL_KEYS[way[0]];
  return [namespace, secretName, ...(isUsual ? [] : names)].join("/");
}

/** Channels with the same key share a connection. */
function keyOf({ namespace, login }: ChannelSettings): string | undefined {
  return login === undefined ? undefined : JSON.stringify([namespace, login.auth]);
}
