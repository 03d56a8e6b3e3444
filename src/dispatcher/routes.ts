import { channelHostsFor, isChannelHost } from "../api/names.ts";
import type { Publisher } from "../nats/publisher.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { type ReceiveOutcome, receiveCounters } from "./receive-counters.ts";

/** Who sends, as far as the transport tells; what an EventPolicy decides on. */
export interface Caller {
  scheme: "http" | "https";
  /** The authenticated subject; undefined while nothing authenticates. */
  principal: string | undefined;
}

/** Where a channel's events go: written by flow 1, read by flow 3 for every event. */
export interface Route {
  /** `namespace/name` */
  key: string;
  /** Where events are stored, or why none can be now, as one sentence. */
  store: Store | { unavailable: string };
  /** Why the channel takes no events at all (it mirrors another stream); undefined when it does. */
  readOnly: string | undefined;
  /** Tells whether it is not known yet if the channel may take events. */
  isUndecided: () => boolean;
  /** Decides whether a caller may send: true, or the reason why not. */
  policy: (caller: Caller) => true | string;
  /** Counts requests by outcome. */
  count: (outcome: ReceiveOutcome) => void;
  /** Counts events that were accepted by their type. */
  countType: (type: string) => void;
}

/** Where a channel's events are stored. */
export interface Store {
  publisher: Publisher;
  stream: string;
  subject: string;
  /** The largest message in bytes, headers and data together: of server, stream and configuration the least. */
  maxMessageBytes: () => number;
  /** Told when the stream did not take an event: it may be gone, or another have its subject. Called often. */
  onUnavailable: () => void;
}

/** Makes the route of a channel that is known and cannot take events yet, or not now. */
export function unavailableRoute(key: string, reason: string, metrics: Metrics): Route {
  return {
    key,
    store: { unavailable: reason },
    readOnly: undefined,
    isUndecided: () => false,
    policy: () => true,
    ...receiveCounters(metrics, key),
  };
}

/** Finds the channel of a request by its Host, or by its path `/<namespace>/<name>`. */
export class Routes {
  readonly #clusterDomain: string;
  readonly #byHost = new Map<string, Route>();
  readonly #byPath = new Map<string, Route>();
  readonly #hostsOf = new Map<string, string[]>();
  readonly #waiting = new Map<string, Set<(route: Route) => void>>();

  constructor(clusterDomain: string) {
    this.#clusterDomain = clusterDomain;
  }

  /** Puts a channel's route in place, or replaces it. */
  set(channel: { namespace: string; name: string }, route: Route): void {
    const { namespace, name } = channel;
    const hosts = channelHostsFor(namespace, name, this.#clusterDomain).map((h) => h.toLowerCase());
    this.#hostsOf.set(route.key, hosts);
    for (const host of hosts) this.#byHost.set(host, route);
    this.#byPath.set(`/${route.key}`, route);
    this.#letIn(route);
  }

  /** Lets those go on who wait until it is known whether a channel may take events. */
  decided(key: string): void {
    const route = this.#byPath.get(`/${key}`);
    if (route !== undefined) this.#letIn(route);
  }

  /** Who waits for a channel waits until it takes events. */
  #letIn(route: Route): void {
    if ("unavailable" in route.store || route.isUndecided()) return;
    for (const host of this.#hostsOf.get(route.key) ?? []) {
      for (const resolve of this.#waiting.get(host) ?? []) resolve(route);
    }
  }

  /** Takes a channel's route away; its address is unknown from now on. */
  remove(key: string): void {
    for (const host of this.#hostsOf.get(key) ?? []) this.#byHost.delete(host);
    this.#hostsOf.delete(key);
    this.#byPath.delete(`/${key}`);
  }

  /** Finds the route of a request; `host` as it came, with or without case, port or trailing dot. */
  find(path: string, host: string): Route | undefined {
    if (path !== "/") {
      const route = this.#byPath.get(path);
      if (route !== undefined) return route;
      const end = path.indexOf("?");
      const plain = end === -1 ? path : path.slice(0, end);
      if (plain !== "/") return this.#byPath.get(plain);
    }
    return this.#byHost.get(host) ?? this.#byHost.get(normalHost(host));
  }

  /** Tells whether a request that found nothing may find its channel in a moment: see `wait`. */
  mayCome(path: string, host: string): boolean {
    return (path === "/" || path.startsWith("/?")) && isChannelHost(host, this.#clusterDomain);
  }

  /** Waits for a host's route until it takes events; gives what there is when that takes too long. */
  async wait(host: string, withinMs: number): Promise<Route | undefined> {
    const key = normalHost(host);
    return await new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const done = (route: Route | undefined): void => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve(route);
      };
      const timer = setTimeout(() => done(this.#byHost.get(key)), withinMs);
      waiting.add(done);
    });
  }
}

/**
 * Reads a request's target (RFC 9112 §3.2): the path and the host that it is for. A target in
 * absolute form, as proxies write it, wins over the Host header.
 */
export function targetOf(url = "/", hostHeader: string): { path: string; host: string } {
  if (url.startsWith("/") || !URL.canParse(url)) return { path: url, host: hostHeader };
  const { pathname, search, host } = new URL(url);
  return { path: pathname + search, host };
}

function normalHost(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}
