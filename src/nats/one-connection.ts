import { readFile } from "node:fs/promises";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { connectFailure } from "./connect-failure.ts";
import type { Login } from "./login.ts";
import { openConnection } from "./open-connection.ts";
import { parseUserCredentials } from "./user-key.ts";

/** Connects once, for a person who waits: whoever cannot is told why. The caller closes the connection. */
export async function connectOnce(options: {
  servers: string[];
  name: string;
  login: Login | undefined;
}): Promise<NatsConnection> {
  const opened = await openConnection({ ...options, discovered: [] });
  if (opened.nc !== undefined) return opened.nc;
  throw new Error(`cannot connect to NATS: ${opened.failed}`);
}

/** Makes the login of a credentials file at a path, as NATS' own tools write it. */
export function credentialsFileLogin(path: string): Login {
  return {
    async options() {
      const { jwt, seed } = parseUserCredentials(await readFile(path, "utf8"), path);
      return { authenticator: jwtAuthenticator(jwt, seed) };
    },
    explain: async (error) => connectFailure(error),
    watch: () => () => undefined,
    expiries: async () => [],
  };
}
