/*
 * Resolves channels' dead-letter sinks, and tells which channels to look at again when an object changes its address.
 *
 * A kind is reflected as a whole for as long as a channel names it, without anything but names and addresses. Until its first list is there, and
 * where it cannot be listed, the one object is read: the failure says what is missing. What may be read is Knative's to say: its ClusterRole
 * addressable-resolver is bound to the controller.
 */

import type { KubeClient } from "../kube/client.ts";
import { isForbidden, isNotFound } from "../kube/kube-error.ts";
import { Reflector } from "../kube/reflector.ts";
import { type KubeObject, keyOf, type Resource } from "../kube/resource.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { AddressableObject, Channel } from "./kinds.ts";
import { LazyReflectors } from "./lazy-reflectors.ts";
import { type ResolvedSink, type SinkLookup, sinkAddress, sinkQuestion } from "./sink-address.ts";

export interface DeadLetterSinks {
  /** Gives undefined for a channel without a dead-letter sink; throws when the API server cannot be asked. */
  resolve(channel: Channel, signal: AbortSignal): Promise<ResolvedSink | undefined>;
  /** Forgets what a channel asked for. */
  forget(channelKey: string): void;
  stop(): Promise<void>;
}

/** Makes the resolver; `onChange` gets the key of a channel whose sink has changed. */
export function deadLetterSinks(deps: {
  client: KubeClient;
  clusterDomain: string;
  log: Logger;
  onChange: (channelKey: string) => void;
}): DeadLetterSinks {
  const { client, clusterDomain, log, onChange } = deps;
  const resources = new Map<string, Resource<AddressableObject>>();
  const askers = new Askers();
  const reflectors = new LazyReflectors<AddressableObject>((key) => {
    const resource = resources.get(key) as Resource<AddressableObject>;
    const reflector = new Reflector({ client, resource, log, transform: onlyAddress });
    reflector.onChange((before, after) => {
      const object = after ?? before;
      if (object === undefined) return;
      for (const asker of askers.of(`${key} ${keyOf(object)}`)) onChange(asker);
    });
    return reflector;
  });

  const release = (object: string | undefined): void => {
    const [kindKey = ""] = object?.split(" ") ?? [];
    if (object === undefined || askers.haveAskedForKind(kindKey)) return;
    resources.delete(kindKey);
    void reflectors.drop(kindKey);
  };
  const forget = (channelKey: string): void => release(askers.forget(channelKey));

  const lookUp = async (
    lookup: SinkLookup,
    { channelKey, signal }: { channelKey: string; signal: AbortSignal },
  ): Promise<ResolvedSink> => {
    const { resource, namespace, name } = lookup;
    const kindKey = `${resource.group}/${resource.version}/${resource.plural}`;
    resources.set(kindKey, resource);
    release(askers.ask(channelKey, `${kindKey} ${namespace}/${name}`));
    const { reflector, hasSynced } = reflectors.get(kindKey);
    if (hasSynced()) {
      return sinkAddress(lookup, reflector.store.get(`${namespace}/${name}`), clusterDomain);
    }
    try {
      const object = await client.get(resource, { namespace, name }, { signal });
      return sinkAddress(lookup, object, clusterDomain);
    } catch (error) {
      if (isNotFound(error)) return sinkAddress(lookup, undefined, clusterDomain);
      if (isForbidden(error)) return forbidden(lookup, error);
      throw error;
    }
  };

  return {
    async resolve(channel, signal) {
      const channelKey = keyOf(channel);
      const value = channel.spec?.delivery?.deadLetterSink;
      if (value === undefined || value === null) {
        forget(channelKey);
        return undefined;
      }
      const question = sinkQuestion(value, channel.metadata?.namespace ?? "");
      if ("lookup" in question) return await lookUp(question.lookup, { channelKey, signal });
      forget(channelKey);
      return question.known;
    },
    forget,
    stop: () => reflectors.stop(),
  };
}

/** Remembers which channels asked for an object; each asks for one at most. */
class Askers {
  readonly #objectOf = new Map<string, string>();
  readonly #askersOf = new Map<string, Set<string>>();

  /** Gives what was asked for before. */
  ask(asker: string, object: string): string | undefined {
    const before = this.forget(asker);
    this.#objectOf.set(asker, object);
    const askers = this.#askersOf.get(object) ?? new Set();
    this.#askersOf.set(object, askers.add(asker));
    return before;
  }

  /** Gives what was asked for. */
  forget(asker: string): string | undefined {
    const object = this.#objectOf.get(asker);
    if (object === undefined) return undefined;
    this.#objectOf.delete(asker);
    const askers = this.#askersOf.get(object);
    askers?.delete(asker);
    if (askers?.size === 0) this.#askersOf.delete(object);
    return object;
  }

  haveAskedForKind(kindKey: string): boolean {
    for (const object of this.#askersOf.keys()) if (object.startsWith(`${kindKey} `)) return true;
    return false;
  }

  of(object: string): Iterable<string> {
    return this.#askersOf.get(object) ?? [];
  }
}

function forbidden({ resource, namespace, name }: SinkLookup, error: unknown): ResolvedSink {
  const { group, plural, kind } = resource;
  const where = group === "" ? plural : `${plural}.${group}`;
  return {
    ok: false,
    reason: "DeadLetterSinkForbidden",
    message: `${kind} ${namespace}/${name} may not be read (${errorMessage(error)}); label a ClusterRole that allows get, list and watch of ${where} with duck.knative.dev/addressable: "true"`,
  };
}

function onlyAddress(object: AddressableObject): AddressableObject {
  const { name = "", namespace = "", uid = "", resourceVersion = "" } = object.metadata ?? {};
  const { address, addresses } = object.status ?? {};
  const slim: KubeObject & AddressableObject = {
    metadata: { name, namespace, uid, resourceVersion },
  };
  const status = {
    ...(address === undefined ? {} : { address }),
    ...(addresses === undefined ? {} : { addresses }),
  };
  return { ...slim, status };
}
