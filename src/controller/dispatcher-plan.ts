import { hash } from "node:crypto";
import { ChannelAuth } from "../api/auth.ts";
import { GO_NATS_CONFIG } from "../api/cluster-names.ts";
import { compileAuth, namedIn, secretOf } from "../api/login.ts";
import { type NatsConfig, parseNatsConfig } from "../api/nats-config.ts";
import type { ConfigMap } from "../kube/objects.ts";
import { errorMessage } from "../runtime/errors.ts";
import { parseYaml } from "../runtime/yaml.ts";
import type { Channel } from "./kinds.ts";
import type { PodNeeds } from "./resources/plan.ts";

/** Names the ConfigMap, and its key, that a dispatcher's NATS configuration is in. */
export interface NatsSource {
  name: string;
  key: string;
}

/** Is that, or why there is none and what to do. */
export type NatsPlanOutcome =
  | { ok: true; needs: PodNeeds }
  | { ok: false; reason: string; message: string };

const NO_GO_URL =
  "url: a NATS server expected; unset, the Go implementation took nats://nats.nats-io.svc.cluster.local";

/** Reads a dispatcher's NATS configuration, as the dispatcher will. */
export function natsPlan(
  configMap: ConfigMap | undefined,
  { namespace, name, key }: NatsSource & { namespace: string },
): NatsPlanOutcome {
  const what = `ConfigMap ${namespace}/${name}`;
  if (configMap === undefined) {
    const message = `${what} is not there; create it with a key "${key}" that says how NATS is reached`;
    return { ok: false, reason: "ConfigMapNotFound", message };
  }
  const text = configMap.data?.[key];
  if (text === undefined) {
    const message = `${what} has no key "${key}"; add it and say there how NATS is reached`;
    return { ok: false, reason: "ConfigMapKeyNotFound", message };
  }
  try {
    const [document, ...more] = parseYaml(text);
    if (more.length > 0) throw new Error("one YAML document expected");
    const config = parseNatsConfig(document);
    // Its default is another server than ours.
    if (key === GO_NATS_CONFIG.key && config.servers === undefined) throw new Error(NO_GO_URL);
    return { ok: true, needs: needsOf(config) };
  } catch (error) {
    const message = `key "${key}" of ${what} is not right: ${errorMessage(error)}`;
    return { ok: false, reason: "ConfigMapInvalid", message };
  }
}

function needsOf(config: NatsConfig): PodNeeds {
  return {
    namingHash: hash("sha256", JSON.stringify(config.jetstream)).slice(0, 16),
    gracePeriodSeconds: Math.ceil(config.dispatch.gracePeriodMs / 1_000),
    ...namedIn(config),
  };
}

/** Names the Secret with which a channel logs in; undefined where it does not by itself. */
export function channelSecret({ spec }: Channel): string | undefined {
  const parsed = ChannelAuth.safeParse(spec?.auth);
  const auth = parsed.success ? compileAuth(parsed.data) : undefined;
  return auth && secretOf(auth);
}

/** Names the Secrets with which channels log in, in order. */
export function channelSecrets(channels: Iterable<Channel>): string[] {
  const names = [...channels].map(channelSecret).filter((name) => name !== undefined);
  return [...new Set(names)].sort();
}
