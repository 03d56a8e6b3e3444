/**
 * Makes the templates of the chart that come from src/api: the CustomResourceDefinition and the admission policies, as in config/, with what
 * depends on values put in; and what values may not set of a dispatcher.
 */
import { dump } from "js-yaml";
import { RESERVED_LABELS, RESERVED_VARIABLES } from "../../src/api/pod-settings.ts";
import { admissionPolicies } from "./admission-policies.ts";
import { channelCrd } from "./channel-crd.ts";

const HEADER =
  "{{- /* Made by `npm run generate` out of src/api and config/generate: change it there. */ -}}\n";

type Replacement = readonly [from: string, to: string];

const LABELS: Replacement = [
  "    app.kubernetes.io/name: jetstream-channel\n    app.kubernetes.io/part-of: knative-eventing\n",
  '    {{- include "jetstream-channel.labels" . | nindent 4 }}\n',
];

const KEEP: Replacement = [
  "\n  labels:\n",
  "\n  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n  labels:\n",
];

const ACCOUNTS: readonly Replacement[] = [
  [
    "system:serviceaccount:knative-eventing:eventing-controller",
    "system:serviceaccount:{{ .Values.knativeEventing.namespace }}:eventing-controller",
  ],
  [
    "system:serviceaccount:knative-eventing:jetstream-ch-controller",
    "system:serviceaccount:{{ .Release.Namespace }}:jetstream-ch-controller",
  ],
];

/** Gives the text of every generated template, by its name. */
export function generatedTemplates(): Map<string, string> {
  const crd = templateOf([channelCrd()], [LABELS, KEEP]);
  const policies = templateOf(admissionPolicies(), [LABELS, ...ACCOUNTS]);
  return new Map([
    ["300-natsjetstreamchannel.yaml", onlyIf(".Values.crds.install", crd)],
    ["310-admission-policies.yaml", onlyIf(".Values.admissionPolicy.enabled", policies)],
    [
      "_reserved.tpl",
      [
        HEADER,
        listOf("reservedLabels", RESERVED_LABELS),
        listOf("reservedVariables", RESERVED_VARIABLES),
      ].join(""),
    ],
  ]);
}

function onlyIf(condition: string, text: string): string {
  return `${HEADER}{{- if ${condition} }}\n${text}{{- end }}\n`;
}

/** Writes a list that templates read with `fromJsonArray`. */
function listOf(name: string, entries: readonly string[]): string {
  return `{{- define "jetstream-channel.${name}" -}}\n${JSON.stringify(entries)}\n{{- end }}\n`;
}

function templateOf(objects: readonly object[], replacements: readonly Replacement[]): string {
  const text = objects
    .map((object) => dump(object, { lineWidth: -1, noRefs: true }))
    .join("---\n")
    .replaceAll("{{", '{{ "{{" }}');
  return replacements.reduce((template, [from, to]) => {
    if (!template.includes(from)) throw new Error(`a template has nothing like ${from}`);
    return template.replaceAll(from, () => to);
  }, text);
}
