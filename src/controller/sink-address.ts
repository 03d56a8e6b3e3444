import { Destination } from "../api/duck.ts";
import { faultsOf, sentenceFor } from "../api/faults.ts";
import { isHttpUrl } from "../api/fields.ts";
import type { Resource } from "../kube/resource.ts";
import type { AddressableObject } from "./kinds.ts";

/** Is where dead letters go, or why that is not known and what to do. */
export type ResolvedSink =
  | { ok: true; uri: string; caCerts: string | undefined; audience: string | undefined }
  | { ok: false; reason: string; message: string };

/** Is an object that has to be asked for its address. */
export interface SinkLookup {
  resource: Resource<AddressableObject>;
  namespace: string;
  name: string;
  destination: Destination;
}

/** Is a dead-letter sink after a first look: known already, or to be looked up. */
export type SinkQuestion = { known: ResolvedSink } | { lookup: SinkLookup };

const KIND = /^[A-Za-z][A-Za-z0-9]*$/;
const GROUP_VERSION = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Looks at `spec.delivery.deadLetterSink`: a URL by itself is known, a ref has to be looked up. */
export function sinkQuestion(value: unknown, channelNamespace: string): SinkQuestion {
  const parsed = Destination.safeParse(value, { error: sentenceFor });
  if (!parsed.success) {
    const [fault] = faultsOf(parsed.error, ["spec", "delivery", "deadLetterSink"]);
    return { known: unresolved("DeadLetterSinkInvalid", `${fault?.path}: ${fault?.reason}`) };
  }
  const destination = parsed.data;
  const { ref, uri = "", CACerts, audience } = destination;
  if (ref === undefined) {
    return {
      known: { ok: true, uri, caCerts: CACerts || undefined, audience: audience || undefined },
    };
  }
  const { apiVersion, kind, name, namespace } = ref;
  if (!apiVersion || !kind || !name) {
    const message = "spec.delivery.deadLetterSink.ref: apiVersion, kind and name are required";
    return { known: unresolved("DeadLetterSinkInvalid", message) };
  }
  if (!KIND.test(kind) || !GROUP_VERSION.test(apiVersion)) {
    const [field, allowed] = KIND.test(kind)
      ? [
          "apiVersion",
          'a version like "v1", or a group and a version like "serving.knative.dev/v1"',
        ]
      : ["kind", "letters and digits, the first one a letter,"];
    const message = `spec.delivery.deadLetterSink.ref.${field}: ${allowed} expected`;
    return { known: unresolved("DeadLetterSinkInvalid", message) };
  }
  return {
    lookup: {
      resource: resourceOf(apiVersion, kind),
      namespace: namespace || channelNamespace,
      name,
      destination,
    },
  };
}

/** Names the resource of a kind as Knative does, without asking the API server: lower-case and in the plural of English. */
export function resourceOf(apiVersion: string, kind: string): Resource<AddressableObject> {
  const [first = "", second] = apiVersion.split("/");
  const singular = kind.toLowerCase();
  const ending = /(s|x|ch|sh)$/.test(singular) ? "es" : "s";
  const plural = /[^aeiou]y$/.test(singular)
    ? `${singular.slice(0, -1)}ies`
    : `${singular}${ending}`;
  return {
    group: second === undefined ? "" : first,
    version: second ?? first,
    kind,
    plural,
    namespaced: true,
  };
}

/** Reads where an object takes events; undefined is an object that is not there. A Service's address is its name. */
export function sinkAddress(
  { resource, namespace, name, destination }: SinkLookup,
  found: AddressableObject | undefined,
  clusterDomain: string,
): ResolvedSink {
  const what = `${resource.kind} ${namespace}/${name}`;
  if (found === undefined) {
    return unresolved(
      "DeadLetterSinkNotFound",
      `${what} is not there; create it, or correct apiVersion, kind, namespace or name of spec.delivery.deadLetterSink.ref`,
    );
  }
  const caCerts = destination.CACerts || undefined;
  const audience = destination.audience || undefined;
  if (resource.group === "" && resource.kind === "Service") {
    const scheme = caCerts === undefined ? "http" : "https";
    const base = `${scheme}://${name}.${namespace}.svc.${clusterDomain}`;
    return relativeTo(base, { destination, caCerts, audience });
  }
  const address = chosenAddress(found, destination.ref?.address);
  if (!address?.url || !isHttpUrl(address.url)) {
    const which = destination.ref?.address ? ` named "${destination.ref.address}"` : "";
    return unresolved(
      "DeadLetterSinkNotAddressable",
      `${what} has no address${which} in its status (yet)`,
    );
  }
  return relativeTo(address.url, {
    destination,
    caCerts: caCerts ?? (address.CACerts || undefined),
    audience: audience ?? (address.audience || undefined),
  });
}

function chosenAddress({ status }: AddressableObject, name: string | undefined) {
  const addresses = status?.addresses ?? [];
  if (name) return addresses.find((address) => address.name === name);
  return addresses[0] ?? status?.address;
}

function relativeTo(
  base: string,
  {
    destination,
    caCerts,
    audience,
  }: { destination: Destination; caCerts?: string | undefined; audience?: string | undefined },
): ResolvedSink {
  // As it is, since "http://sink" would come back as "http://sink/".
  if (!destination.uri) return { ok: true, uri: base, caCerts, audience };
  try {
    return { ok: true, uri: new URL(destination.uri, base).href, caCerts, audience };
  } catch {
    const message = `spec.delivery.deadLetterSink.uri: a URL, or one relative to ${base}, expected`;
    return unresolved("DeadLetterSinkInvalid", message);
  }
}

function unresolved(reason: string, message: string): ResolvedSink {
  return { ok: false, reason, message };
}
