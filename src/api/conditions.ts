import type { Condition } from "./duck.ts";

/** Lists the conditions that sum up to Ready, the first cause of trouble first. */
export const SUMMED_CONDITIONS = [
  "DispatcherReady",
  "ServiceReady",
  "EndpointsReady",
  "ChannelServiceReady",
  "StreamReady",
  "DeadLetterSinkResolved",
  "Addressable",
] as const;

/**
 * Names the conditions that are only there while they are False, as warnings: the channel works, something that was asked for does not.
 */
export const WARNING_CONDITIONS = [
  "SpecApplied",
  "ConfigurationApplied",
  "CredentialsMounted",
  "DeploymentSpecTemplateApplied",
] as const;

/** Names the reasons of an Addressable that is not True with which a channel must not take events from anybody. */
export const CLOSED_REASONS = [
  "OIDCNotSupported",
  "EncryptionNotSupported",
  "EventPolicyNotSupported",
  "PoliciesUnknown",
] as const;

/** Names every condition of a channel. */
export type ConditionType =
  | (typeof SUMMED_CONDITIONS)[number]
  | (typeof WARNING_CONDITIONS)[number]
  | "Ready";

/** Is what somebody found out about a channel; when it became so is not theirs to say. */
export interface ConditionUpdate {
  type: ConditionType;
  status: Condition["status"];
  reason?: string;
  message?: string;
  severity?: "Warning" | "Info";
  observedGeneration?: number;
}

/**
 * Puts a condition in its place and gives the new list, or the same list when nothing changed. `lastTransitionTime` moves only
 * when the status does.
 */
export function setCondition(
  conditions: readonly Condition[],
  update: ConditionUpdate,
  now: Date,
): readonly Condition[] {
  const before = conditions.find(({ type }) => type === update.type);
  const moved = before?.status !== update.status || before.lastTransitionTime === undefined;
  // Kubernetes writes times in whole seconds.
  const since = `${now.toISOString().slice(0, 19)}Z`;
  const after: Condition = {
    ...update,
    lastTransitionTime: moved ? since : before.lastTransitionTime,
  };
  if (before === undefined) return [...conditions, after];
  if (isSame(before, after)) return conditions;
  return conditions.map((condition) => (condition === before ? after : condition));
}

/**
 * Sums conditions up into Ready: False with the first False, else Unknown with the first that is Unknown or missing, else True.
 */
export function summarize(conditions: readonly Condition[]): ConditionUpdate {
  const summed = SUMMED_CONDITIONS.map(
    (type): Condition =>
      conditions.find((condition) => condition.type === type) ?? {
        type,
        status: "Unknown",
        reason: "NotYetKnown",
        message: `${type} is not known yet`,
      },
  );
  const worst =
    summed.find(({ status }) => status === "False") ??
    summed.find(({ status }) => status === "Unknown");
  if (worst === undefined) return { type: "Ready", status: "True" };
  return {
    type: "Ready",
    status: worst.status,
    reason: worst.reason ?? worst.type,
    message: worst.message ?? `${worst.type} is ${worst.status}`,
  };
}

function isSame(left: Condition, right: Condition): boolean {
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => left[key] === right[key]);
}
