import type { TracingSettings } from "../api/knative-config.ts";
import type { Resource } from "../runtime/tracing.ts";
import type { Environment } from "./configuration.ts";

/** Reads where the environment sends spans; undefined when it says nothing. */
export function tracingIn(environment: Environment): TracingSettings | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_TRACES_SAMPLER_ARG: samplingRate } =
    environment;
  if (collector === undefined) return undefined;
  const endpoint = `${collector.replace(/\/+$/, "")}/v1/traces`;
  return { protocol: "http/protobuf", endpoint, samplingRate };
}

/** Gives what every span says of this dispatcher. */
export function resourceFor({ POD_NAME, POD_NAMESPACE }: Environment): Resource {
  const service = { "service.name": "jetstream-channel-dispatcher" };
  if (POD_NAME === undefined) return service;
  const pod = { "k8s.pod.name": POD_NAME, "k8s.namespace.name": POD_NAMESPACE };
  return { ...service, ...pod, "service.instance.id": POD_NAME };
}
