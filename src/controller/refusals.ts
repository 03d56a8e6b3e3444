import type { CLOSED_REASONS } from "../api/conditions.ts";
import { API_VERSION, KIND } from "../api/names.ts";
import type { Channel, EventPolicy, PolicyTarget } from "./kinds.ts";

/** Is why a channel must not take events, whatever else is well. */
export interface Refusal {
  /** Unknown where it may turn out that it may. */
  status: "False" | "Unknown";
  reason: (typeof CLOSED_REASONS)[number];
  message: string;
}

/**
 * Says whether Knative demands of a channel what is not implemented: it is then closed, not open. `features` is the data of Knative's
 * ConfigMap config-features, `policies` are the EventPolicies as far as they are of interest; undefined while nobody knows whether there are any,
 * and then the channel stays as open or closed as it was.
 */
export function refusalFor(
  channel: Channel,
  {
    features,
    policies,
  }: {
    features: Readonly<Record<string, string>> | undefined;
    policies: Iterable<EventPolicy> | undefined;
  },
): Refusal | undefined {
  if (isOn(features?.["authentication-oidc"])) {
    return {
      status: "False",
      reason: "OIDCNotSupported",
      message:
        "authentication-oidc is enabled in ConfigMap config-features, and this channel cannot check tokens yet: disable it, or use another channel",
    };
  }
  if (features?.["transport-encryption"]?.trim().toLowerCase() === "strict") {
    return {
      status: "False",
      reason: "EncryptionNotSupported",
      message:
        "transport-encryption is strict in ConfigMap config-features, and this channel has no https address yet: set it to disabled or permissive, or use another channel",
    };
  }
  if (policies === undefined) return whilePoliciesAreUnknown(channel);
  for (const policy of policies) {
    if (selects(policy, channel)) {
      return {
        status: "False",
        reason: "EventPolicyNotSupported",
        message: `EventPolicy ${policy.metadata?.namespace}/${policy.metadata?.name} is for this channel, which cannot check who sends yet: delete it, or use another channel`,
      };
    }
  }
  return undefined;
}

function whilePoliciesAreUnknown({ status }: Channel): Refusal | undefined {
  const before = status?.conditions?.find(({ type }) => type === "Addressable");
  if (before?.status === "True") return undefined;
  if (before?.status === "False" && before.reason === "EventPolicyNotSupported") {
    return { status: "False", reason: before.reason, message: before.message ?? "" };
  }
  const message =
    "EventPolicies cannot be read, and one of them may be for this channel, which cannot check who sends yet; the controller's /readyz and an Event about its Deployment say why";
  return { status: "Unknown", reason: "PoliciesUnknown", message };
}

function isOn(flag: string | undefined): boolean {
  const value = flag?.trim().toLowerCase() ?? "";
  return value !== "" && value !== "disabled" && value !== "false";
}

/** Tells whether an EventPolicy is for a channel; one without targets is for everything in its namespace. */
export function selects({ metadata, spec }: EventPolicy, channel: Channel): boolean {
  if (metadata?.namespace !== channel.metadata?.namespace) return false;
  const targets = spec?.to ?? [];
  return targets.length === 0 || targets.some((target) => isTarget(target, channel));
}

function isTarget({ ref, selector }: PolicyTarget, channel: Channel): boolean {
  if (ref !== undefined) return isOurKind(ref) && ref.name === channel.metadata?.name;
  if (selector === undefined) return false;
  return isOurKind(selector) && hasLabels(selector, channel.metadata?.labels ?? {});
}

function isOurKind({ apiVersion, kind }: { apiVersion?: string; kind?: string }): boolean {
  const group = (version: string) => version.split("/")[0];
  return kind === KIND && group(apiVersion ?? "") === group(API_VERSION);
}

function hasLabels(
  { matchLabels = {}, matchExpressions = [] }: NonNullable<PolicyTarget["selector"]>,
  labels: Readonly<Record<string, string>>,
): boolean {
  const isEqual = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return isEqual && matchExpressions.every((expression) => isMet(expression, labels));
}

function isMet(
  { key = "", operator, values = [] }: { key?: string; operator?: string; values?: string[] },
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      // In doubt the channel is closed.
      return true;
  }
}
