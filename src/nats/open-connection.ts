import type { ConnectionOptions } from "node:tls";
import {
  connect,
  createInbox,
  deadline,
  type NatsConnection,
  type NodeConnectionOptions,
  PermissionViolationError,
} from "@nats-io/transport-node";
import { errorMessage } from "../runtime/errors.ts";
import { connectFailure } from "./connect-failure.ts";
import type { LoginOptions } from "./credentials.ts";
import { deniedAction } from "./denials.ts";
import type { Login } from "./login.ts";
import { serverIdentityCheck } from "./server-identity.ts";
import { type ServerOptions, serverOptionsFor } from "./servers.ts";

/** Times that fit a data plane: a frozen server is noticed within about six seconds. */
const PING_INTERVAL_MS = 2_000;
const MAX_PINGS_OUT = 2;
const CONNECT_TIMEOUT_MS = 5_000;

/** Where to connect and as whom, as the configuration has it. */
export interface Target {
  servers: string[];
  login?: Login | undefined;
}

/** A connection, or why there is none, as a sentence. */
export type Opened = { nc: NatsConnection } | { nc?: undefined; failed: string };

/**
 * Tries to open a connection to one of the servers, with the login's files as they are now.
 * `discovered` are servers that the cluster told of, which are tried after the configured ones.
 */
export async function openConnection(
  options: Target & { discovered: string[]; name: string },
): Promise<Opened> {
  const { servers, login } = options;
  let read: LoginOptions;
  try {
    read = (await login?.options()) ?? {};
  } catch (error) {
    return { failed: errorMessage(error) };
  }
  let nc: NatsConnection | undefined;
  try {
    nc = await connect({
      ...loggedIn(serverOptionsFor([...servers, ...options.discovered]), read, servers),
      name: options.name,
      reconnect: false,
      timeout: CONNECT_TIMEOUT_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: MAX_PINGS_OUT,
      noAsyncTraces: true,
    });
    const failed = await inboxFailure(nc);
    if (failed === undefined) return { nc };
    await nc.close();
    return { failed };
  } catch (error) {
    await nc?.close();
    return { failed: (await login?.explain(error)) ?? connectFailure(error) };
  }
}

/**
 * Says why no answer of the server would arrive here. Nothing can be done over such a connection, and
 * each request on it would only run into its deadline.
 */
async function inboxFailure(nc: NatsConnection): Promise<string | undefined> {
  let failure: string | undefined;
  const subscription = nc.subscribe(createInbox(), {
    callback(error) {
      if (error instanceof PermissionViolationError) failure = deniedAction(error);
    },
  });
  // The server refuses a subscription before it answers what was sent after it.
  const end = await deadline(Promise.race([nc.flush(), nc.closed()]), CONNECT_TIMEOUT_MS);
  if (end instanceof Error) throw end;
  if (!subscription.isClosed()) subscription.unsubscribe();
  return failure && `the login may not ${failure}, where NATS sends every answer`;
}

function loggedIn(
  fromUrls: ServerOptions,
  read: LoginOptions,
  servers: string[],
): NodeConnectionOptions {
  const { user, pass, token, ...rest } = fromUrls;
  // The client would put a url's login and the other one into the same CONNECT.
  const options =
    read.authenticator === undefined ? { ...fromUrls, ...read } : { ...rest, ...read };
  if (options.tls === undefined || options.tls === null) return options;
  const hosts = serverOptionsFor(servers).servers.map(hostname);
  // The client hands every option to node:tls, and types a part of them.
  const tls: NonNullable<NodeConnectionOptions["tls"]> &
    Pick<ConnectionOptions, "checkServerIdentity"> = {
    ...options.tls,
    checkServerIdentity: serverIdentityCheck(hosts),
  };
  return { ...options, tls };
}

function hostname(server: string): string {
  return new URL(`nats://${server}`).hostname;
}
