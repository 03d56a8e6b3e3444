import { DISPATCHER_PATHS, secretFolderFor } from "../api/cluster-names.ts";
import type { ConditionUpdate } from "../api/conditions.ts";
import { parseDispatcherDefaults, withTemplate } from "../api/dispatcher-defaults.ts";
import { keyOf, nameFromKey } from "../kube/resource.ts";
import { channelSecret } from "./dispatcher-plan.ts";
import type { Channel } from "./kinds.ts";
import type { Scope } from "./scope.ts";

/** Says what a channel asks for and does not get, though it works otherwise. `oldest` is the key of the channel whose template counts in its namespace. */
export function channelWarnings(
  channel: Channel,
  { scope, oldest }: { scope: Scope; oldest: string | undefined },
): ConditionUpdate[] {
  return [templateWarning(channel, { scope, oldest }), credentialsWarning(channel, scope)]
    .filter((warning) => warning !== undefined)
    .map((warning) => ({ ...warning, status: "False", severity: "Warning" }));
}

type Warning = Pick<ConditionUpdate, "type" | "reason" | "message">;

function templateWarning(
  channel: Channel,
  { scope, oldest }: { scope: Scope; oldest: string | undefined },
): Warning | undefined {
  const type = "DeploymentSpecTemplateApplied";
  const template = channel.spec?.deploymentSpecTemplate;
  if (!isFilled(template)) return undefined;
  if (!scope.isNamespaced) {
    const message =
      "spec.deploymentSpecTemplate does not count for a channel of cluster scope, whose dispatcher all channels share: set the same fields in clusterDefault of ConfigMap config-ch-jetstream-defaults, or give the channel a dispatcher of its namespace (annotation eventing.knative.dev/scope: namespace)";
    return { type, reason: "DeploymentSpecTemplateIgnored", message };
  }
  if (oldest !== undefined && oldest !== keyOf(channel)) {
    const message = `spec.deploymentSpecTemplate does not count: the dispatcher of namespace ${scope.namespace} runs as its oldest channel, ${nameFromKey(oldest).name}, says`;
    return { type, reason: "OldestChannelCounts", message };
  }
  const [fault, ...more] = withTemplate(
    parseDispatcherDefaults({}).clusterDefault,
    template,
  ).faults;
  if (fault === undefined) return undefined;
  const others = more.map(({ path, reason }) => `; ${path}: ${reason}`).join("");
  const message = `${fault.path}: ${fault.reason}${others}`;
  return { type, reason: "DeploymentSpecTemplateInvalid", message };
}

function credentialsWarning(channel: Channel, scope: Scope): Warning | undefined {
  const secret = channelSecret(channel);
  const { namespace = "" } = channel.metadata ?? {};
  // A Pod mounts the Secrets of its own namespace, and no others.
  if (secret === undefined || scope.namespace === namespace) return undefined;
  const path = `${DISPATCHER_PATHS.secrets}/${secretFolderFor(namespace, secret)}`;
  return {
    type: "CredentialsMounted",
    reason: "SecretOfAnotherNamespace",
    message: `the cluster's dispatcher, in namespace ${scope.namespace}, cannot mount Secret ${namespace}/${secret} of spec.auth: give the channel a dispatcher of its namespace (annotation eventing.knative.dev/scope: namespace, set when it is created), or let an administrator copy the Secret to ${scope.namespace} and mount it in the Deployment at ${path}`,
  };
}

function isFilled(template: unknown): boolean {
  return typeof template === "object" && template !== null && Object.keys(template).length > 0;
}
