import { z } from "zod";
import { MANAGED_BY_LABEL } from "./cluster-names.ts";
import { shown } from "./faults.ts";
import { textThat, withRule } from "./fields.ts";
import { CHANNEL_LABEL, ROLE_LABEL } from "./names.ts";

/**
 * The fields of a Pod that whoever runs dispatchers may set. They are Kubernetes' own; what a typo could make useless is checked here, with
 * a path, and the rest is the API server's to refuse.
 */

/** Are the labels that select dispatchers or say whose objects are: nobody gives them another value. */
export const RESERVED_LABELS: readonly string[] = [
  CHANNEL_LABEL.key,
  ROLE_LABEL,
  MANAGED_BY_LABEL,
  "app.kubernetes.io/name",
  "app.kubernetes.io/component",
  "app.kubernetes.io/part-of",
];

/** Are the variables that the controller sets, and nobody else. */
export const RESERVED_VARIABLES: readonly string[] = [
  "CHANNELS_PATH",
  "NATS_CONFIG_PATH",
  "SECRETS_PATH",
  "KNATIVE_CONFIG_PATH",
  "CLUSTER_ID",
  "CLUSTER_DOMAIN",
  "SYSTEM_NAMESPACE",
  "POD_NAME",
  "POD_NAMESPACE",
  "NAMESPACE",
  "HTTP_PORT",
  "ADMIN_PORT",
];

const NAME = /^[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const DOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const KEY = 'a key like "team" or "example.com/team" expected';

const Labels = textMap((key, value) => {
  if (!isQualifiedName(key)) return KEY;
  if (RESERVED_LABELS.includes(key))
    return "it selects dispatchers or says whose they are, and is not for others to set";
  return value === "" || NAME.test(value)
    ? undefined
    : `a label's value (at most 63 letters, digits, "-", "_" and ".") expected, got ${shown(value)}`;
});

const Annotations = textMap((key) => (isQualifiedName(key) ? undefined : KEY));

const NodeSelector = textMap((key) => (isQualifiedName(key) ? undefined : KEY));

const QUANTITY = 'a quantity like "100m" or "256Mi" expected';
const Quantity = z
  .union([z.string(), z.number()], { error: QUANTITY })
  .transform(String)
  .refine((text) => /^\d+(\.\d+)?([mkMGTPE]|[KMGTPE]i|[eE]\d+)?$/.test(text), {
    error: ({ input }) => `${QUANTITY}, got ${shown(input)}`,
  });
const Quantities = z.record(z.string(), Quantity);

const Toleration = z.strictObject({
  key: z.string().optional(),
  operator: z.enum(["Exists", "Equal", "Lt", "Gt"]).optional(),
  value: z.string().optional(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]).optional(),
  tolerationSeconds: z.int().optional(),
});

const Affinity = z.strictObject({
  nodeAffinity: z.looseObject({}).optional(),
  podAffinity: z.looseObject({}).optional(),
  podAntiAffinity: z.looseObject({}).optional(),
});

const TopologySpreadConstraint = z.strictObject({
  maxSkew: z.int().min(1),
  topologyKey: z.string(),
  whenUnsatisfiable: z.enum(["DoNotSchedule", "ScheduleAnyway"]),
  labelSelector: z.looseObject({}).optional(),
  matchLabelKeys: z.array(z.string()).optional(),
  minDomains: z.int().min(1).optional(),
  nodeAffinityPolicy: z.enum(["Honor", "Ignore"]).optional(),
  nodeTaintsPolicy: z.enum(["Honor", "Ignore"]).optional(),
});

const Variable = withRule(
  z.strictObject({
    name: textThat((text) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(text))
        return `a variable's name expected, got ${shown(text)}`;
      return RESERVED_VARIABLES.includes(text) ? `${text} is set by the controller` : undefined;
    }),
    value: z.string().optional(),
    valueFrom: z
      .strictObject({
        configMapKeyRef: z.looseObject({}).optional(),
        secretKeyRef: z.looseObject({}).optional(),
        fieldRef: z.looseObject({}).optional(),
        resourceFieldRef: z.looseObject({}).optional(),
      })
      .optional(),
  }),
  ({ value, valueFrom }, addFault) => {
    if (value !== undefined && valueFrom !== undefined)
      addFault([], "value or valueFrom expected, got both");
  },
);

// A volume is of one of many types, and a security context has what its Kubernetes knows: the API server says what it does not.
const Volume = z.looseObject({ name: z.string().min(1) });
const VolumeMount = z.looseObject({ name: z.string().min(1), mountPath: z.string().min(1) });
const SecurityContext = z.looseObject({});

const Seconds = z.int().min(1).max(3600);
const ProbeTimes = z.strictObject({
  initialDelaySeconds: z.int().min(0).max(3600).optional(),
  periodSeconds: Seconds.optional(),
  timeoutSeconds: Seconds.optional(),
  failureThreshold: z.int().min(1).max(1000).optional(),
});

/** Are the fields that a channel's `deploymentSpecTemplate` has too. */
export const TEMPLATE_FIELDS = {
  labels: Labels.optional(),
  annotations: Annotations.optional(),
  nodeSelector: NodeSelector.optional(),
  affinity: Affinity.optional(),
  resources: z
    .strictObject({ limits: Quantities.optional(), requests: Quantities.optional() })
    .optional(),
};

/** Are all fields of a dispatcher's Pods that may be set. */
export const POD_FIELDS = {
  ...TEMPLATE_FIELDS,
  tolerations: z.array(Toleration).optional(),
  topologySpreadConstraints: z.array(TopologySpreadConstraint).optional(),
  priorityClassName: z.string().optional(),
  env: z.array(Variable).optional(),
  volumes: z.array(Volume).optional(),
  volumeMounts: z.array(VolumeMount).optional(),
  podSecurityContext: SecurityContext.optional(),
  securityContext: SecurityContext.optional(),
  readinessProbe: ProbeTimes.optional(),
  livenessProbe: ProbeTimes.optional(),
  imagePullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).optional(),
  imagePullSecrets: z.array(z.strictObject({ name: z.string().min(1) })).optional(),
};

/** Tells whether a text can be the key of a label or an annotation: `name` or `domain/name`. */
function isQualifiedName(text: string): boolean {
  const slash = text.indexOf("/");
  if (slash === -1) return NAME.test(text);
  return slash <= 253 && DOMAIN.test(text.slice(0, slash)) && NAME.test(text.slice(slash + 1));
}

function textMap(check: (key: string, value: string) => string | undefined) {
  return z.record(z.string(), z.string()).superRefine((map, context) => {
    for (const [key, value] of Object.entries(map)) {
      const message = check(key, value);
      if (message !== undefined) context.addIssue({ code: "custom", path: [key], message });
    }
  });
}
