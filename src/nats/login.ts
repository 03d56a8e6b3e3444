import {
  type Expiry,
  expiriesOf,
  explainFailure,
  type LoginOptions,
  type LoginPart,
  loginOptions,
} from "./credentials.ts";
import { watchLogin } from "./login-watch.ts";

/** How a connection logs in. */
export interface Login {
  /** Reads the files as they are now, for one attempt to connect. */
  options(): Promise<LoginOptions>;
  /** Says why an attempt failed, an expired credential included. */
  explain(error: unknown): Promise<string>;
  /** Reads when what it shows expires, as the files are now; empty where nothing does or can be read. */
  expiries(): Promise<Expiry[]>;
  /** Calls `onChange` when the content of a file has changed; gives a function that ends it. */
  watch(onChange: () => void): () => void;
}

/**
 * Makes the login that configurations describe, each from the Secrets of a namespace: `auth` may come
 * from one and `tls` from another; of what several have, the last counts.
 */
export function loginFrom(...parts: LoginPart[]): Login {
  return {
    async options() {
      const options: LoginOptions = {};
      for (const { login, secrets } of parts) {
        Object.assign(options, await loginOptions(login, secrets));
      }
      return options;
    },
    explain: (error) => explainFailure(error, parts),
    async expiries() {
      // What cannot be read is told by the attempt to log in with it.
      const read = parts.map((part) => expiriesOf(part).catch(() => []));
      return (await Promise.all(read)).flat();
    },
    watch(onChange) {
      const ends = parts.map(({ login, secrets }) => watchLogin(login, secrets, onChange));
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
