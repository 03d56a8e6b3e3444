{{/* Labels of every object. Selectors have none of them. */}}
{{- define "jetstream-channel.labels" -}}
app.kubernetes.io/name: jetstream-channel
app.kubernetes.io/part-of: knative-eventing
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.global.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that select a program's Pods, for ever: installed Deployments have them. Called with its role. */}}
{{- define "jetstream-channel.selector" -}}
messaging.knative.dev/channel: nats-jetstream-channel
messaging.knative.dev/role: {{ . }}
{{- end }}

{{/* An image's full name. Called with { image, context }. */}}
{{- define "jetstream-channel.image" -}}
{{- $registry := .image.registry | default .context.Values.global.imageRegistry -}}
{{- $name := .image.repository -}}
{{- with $registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end -}}
{{- if .image.digest -}}
{{- with .image.tag }}{{ $name = printf "%s:%s" $name . }}{{ end -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ .image.tag | default .context.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The content of config-jetstream. */}}
{{- define "jetstream-channel.natsConfig" -}}
url: {{ .Values.nats.url }}
{{- range $key, $value := dict "auth" .Values.nats.auth "tls" .Values.nats.tls "jetstream" .Values.nats.jetstream "dispatch" .Values.nats.dispatch }}
{{- if $value }}
{{ toYaml (dict $key $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* How the cluster's dispatcher runs: the fields of clusterDefault. What is empty is left out, and the controller decides. */}}
{{- define "jetstream-channel.clusterDefault" -}}
configName: config-jetstream
{{- $env := .Values.dispatcher.extraEnv }}
{{- with .Values.dispatcher.logLevel }}
{{- $env = prepend $env (dict "name" "LOG_LEVEL" "value" .) }}
{{- end }}
{{- $fields := dict
  "replicas" .Values.dispatcher.replicas
  "labels" (merge (dict) .Values.dispatcher.labels .Values.global.labels)
  "annotations" .Values.dispatcher.annotations
  "imagePullPolicy" .Values.dispatcher.image.pullPolicy
  "imagePullSecrets" .Values.global.imagePullSecrets
  "resources" .Values.dispatcher.resources
  "podSecurityContext" .Values.dispatcher.podSecurityContext
  "securityContext" .Values.dispatcher.securityContext
  "readinessProbe" .Values.dispatcher.readinessProbe
  "livenessProbe" .Values.dispatcher.livenessProbe
  "nodeSelector" .Values.dispatcher.nodeSelector
  "tolerations" .Values.dispatcher.tolerations
  "affinity" .Values.dispatcher.affinity
  "topologySpreadConstraints" .Values.dispatcher.topologySpreadConstraints
  "priorityClassName" .Values.dispatcher.priorityClassName
  "env" $env
  "volumes" .Values.dispatcher.extraVolumes
  "volumeMounts" .Values.dispatcher.extraVolumeMounts
}}
{{- if .Values.autoscaling.enabled }}
{{- $_ := set $fields "autoscaling" (dict
  "minReplicas" .Values.autoscaling.minReplicas
  "maxReplicas" .Values.autoscaling.maxReplicas
  "targetCPUUtilizationPercentage" .Values.autoscaling.targetCPUUtilizationPercentage
) }}
{{- end }}
{{- range $key, $value := $fields }}
{{- if $value }}
{{ toYaml (dict $key $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The channel template that makes NatsJetStreamChannel Knative's default. */}}
{{- define "jetstream-channel.defaultChannel" -}}
apiVersion: messaging.knative.dev/v1alpha1
kind: NatsJetStreamChannel
{{- $config := dict }}
{{- with .Values.defaultChannel.maxAge }}{{ $_ := set $config "maxAge" . }}{{ end }}
{{- if gt (int .Values.defaultChannel.replicas) 1 }}{{ $_ := set $config "replicas" (int .Values.defaultChannel.replicas) }}{{ end }}
{{- with $config }}
spec:
  stream:
    config:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- end }}
