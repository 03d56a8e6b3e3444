{{- /* Made by `npm run generate` out of src/api and config/generate: change it there. */ -}}
{{- define "jetstream-channel.reservedLabels" -}}
["messaging.knative.dev/channel","messaging.knative.dev/role","app.kubernetes.io/managed-by","app.kubernetes.io/name","app.kubernetes.io/component","app.kubernetes.io/part-of"]
{{- end }}
{{- define "jetstream-channel.reservedVariables" -}}
["CHANNELS_PATH","NATS_CONFIG_PATH","SECRETS_PATH","KNATIVE_CONFIG_PATH","CLUSTER_ID","CLUSTER_DOMAIN","SYSTEM_NAMESPACE","POD_NAME","POD_NAMESPACE","NAMESPACE","HTTP_PORT","ADMIN_PORT"]
{{- end }}
