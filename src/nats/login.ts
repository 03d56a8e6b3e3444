import type { NatsLogin } from "../api/login.ts";
import { explainFailure, type LoginOptions, loginOptions } from "./credentials.ts";
import { watchLogin } from "./login-watch.ts";
import type { SecretFolder } from "./secrets.ts";

/** How a connection logs in. */
export interface Login {
  /** Reads the files as they are now, for one attempt to connect. */
  options(): Promise<LoginOptions>;
  /** Says why an attempt failed, an expired credential included. */
  explain(error: unknown): Promise<string>;
  /** Calls `onChange` when the content of a file has changed; gives a function that ends it. */
  watch(onChange: () => void): () => void;
}

/** Makes the login that a configuration describes, from the Secrets of a namespace. */
export function loginFrom(login: NatsLogin, secrets: SecretFolder): Login {
  return {
    options: () => loginOptions(login, secrets),
    explain: (error) => explainFailure(error, login, secrets),
    watch: (onChange) => watchLogin(login, secrets, onChange),
  };
}
