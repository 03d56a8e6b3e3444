/**
 * What a schema cannot say of a channel, since it depends on who asks or on an annotation: ValidatingAdmissionPolicies, which the API server
 * runs by itself. They look at the object and not at its status, so no writer of the status meets them.
 */
import { API_VERSION, KIND, SCOPE_ANNOTATION } from "../../src/api/names.ts";
import { RECOMMENDED_LABELS } from "./labels.ts";

const PLURAL = `${KIND.toLowerCase()}s`;
const [GROUP] = API_VERSION.split("/");

/** Lists who sets `spec.subscribers` in the course of their work: Knative's Subscription controller, and ours, which takes out what it leaves behind. */
export const SUBSCRIBER_WRITERS = [
  "system:serviceaccount:knative-eventing:eventing-controller",
  "system:serviceaccount:knative-eventing:jetstream-ch-controller",
];

const SUBSCRIBERS = `${PLURAL}-subscribers.${GROUP}`;
const SCOPE = `${PLURAL}-scope.${GROUP}`;

// Whoever may change the policy could put it out of the way: cluster admins, however they come by their rights.
const MAY_CHANGE_POLICY = `authorizer.group('admissionregistration.k8s.io').resource('validatingadmissionpolicies').name('${SUBSCRIBERS}').check('update').allowed()`;

const NO_SCOPE_YET = "cluster";

/** Makes the policies, each with its binding. */
export function admissionPolicies(): object[] {
  return [
    ...policyWithBinding(SUBSCRIBERS, {
      variables: {
        subscribers: "object.?spec.subscribers.orValue([])",
        oldSubscribers: "oldObject == null ? [] : oldObject.?spec.subscribers.orValue([])",
      },
      validations: [
        {
          expression: `variables.subscribers == variables.oldSubscribers || request.userInfo.username in [${SUBSCRIBER_WRITERS.map((name) => `'${name}'`).join(", ")}] || ${MAY_CHANGE_POLICY}`,
          messageExpression:
            "'spec.subscribers is written by Knative, not by \"' + request.userInfo.username + '\": create, change or delete a Subscription instead'",
          reason: "Forbidden",
        },
      ],
    }),
    ...policyWithBinding(SCOPE, {
      variables: {
        scope: scopeOf("object"),
        oldScope: `oldObject == null ? variables.scope : ${scopeOf("oldObject")}`,
      },
      validations: [
        {
          expression: "oldObject != null || variables.scope in ['cluster', 'namespace']",
          messageExpression: `'metadata.annotations[${SCOPE_ANNOTATION}]: "cluster" or "namespace" expected, got "' + variables.scope + '"'`,
        },
        {
          expression: "variables.scope == variables.oldScope",
          messageExpression: `'metadata.annotations[${SCOPE_ANNOTATION}]: cannot change from "' + variables.oldScope + '" to "' + variables.scope + '": another dispatcher would take over; create another channel'`,
        },
      ],
    }),
  ];
}

interface PolicyRules {
  variables: Readonly<Record<string, string>>;
  validations: object[];
}

function policyWithBinding(name: string, { variables, validations }: PolicyRules): object[] {
  const policy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name, labels: RECOMMENDED_LABELS },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [GROUP],
            apiVersions: ["*"],
            operations: ["CREATE", "UPDATE"],
            resources: [PLURAL],
            // The default; without it kubectl would find a change in every apply.
            scope: "*",
          },
        ],
      },
      variables: Object.entries(variables).map(([key, expression]) => ({ name: key, expression })),
      validations,
    },
  };
  const binding = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name, labels: RECOMMENDED_LABELS },
    spec: { policyName: name, validationActions: ["Deny"] },
  };
  return [policy, binding];
}

function scopeOf(object: string): string {
  return `${object}.?metadata.annotations['${SCOPE_ANNOTATION}'].orValue('${NO_SCOPE_YET}')`;
}
