/** The part of the client's connection options that urls give. */
export interface ServerOptions {
  /** `host:port` or `tls://host:port`, without credentials. */
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
  tls?: Record<string, never>;
}

const SCHEMES = ["nats:", "tls:"];

/**
 * Turns NATS urls (`nats://[user[:password]@]host[:port]`, `tls://…`, or `host[:port]`) into the
 * client's options. A user without a password is a token, as every NATS client has it; the
 * credentials of the first url that has some are used for all. Throws an error that shows the url
 * without its credentials.
 */
export function serverOptionsFor(urls: string[]): ServerOptions {
  if (urls.length === 0) throw new Error("no nats url is given");
  const options: ServerOptions = { servers: [] };
  for (const text of urls) {
    const url = parseServer(text);
    options.servers.push(url.host);
    if (url.protocol === "tls:") options.tls = {};
    if (url.username === "" || options.user !== undefined || options.token !== undefined) continue;
    if (url.password === "") options.token = decoded(url.username);
    else {
      options.user = decoded(url.username);
      options.pass = decoded(url.password);
    }
  }
  return options;
}

function parseServer(text: string): URL {
  const withScheme = text.includes("://") ? text : `nats://${text}`;
  const shown = withScheme.replace(/\/\/.*@/, "//…@");
  if (!URL.canParse(withScheme)) throw new Error(`nats url "${shown}" is not a url`);
  const url = new URL(withScheme);
  if (!SCHEMES.includes(url.protocol)) {
    throw new Error(
      `nats url "${shown}" begins with ${url.protocol}//, nats:// or tls:// expected`,
    );
  }
  if (url.hostname === "") throw new Error(`nats url "${shown}" names no host`);
  return url;
}

/** Decodes a part of a login; a `%` that begins no escape stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
