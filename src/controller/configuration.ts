import { z } from "zod";
import { ACCOUNT_FOLDER } from "../kube/access.ts";
import { parseEnv, port } from "../runtime/env.ts";
import { isLogLevel } from "../runtime/logger.ts";

const required = (what: string) => {
  const error = `required: ${what}`;
  return z.string({ error }).min(1, error);
};

/** Describes the controller's environment; an empty variable counts as unset. */
export const Environment = z.object({
  SYSTEM_NAMESPACE: required(
    "the namespace of the controller and of the cluster's dispatcher",
  ).describe("Required. The namespace of the controller and of the cluster's dispatcher."),
  KNATIVE_NAMESPACE: z
    .string()
    .optional()
    .describe("The namespace of Knative Eventing; unset: SYSTEM_NAMESPACE."),
  DISPATCHER_IMAGE: required("the image of dispatchers").describe(
    "Required. The image of dispatchers.",
  ),
  DISPATCHER_CONFIG_PATH: z
    .string()
    .min(1, "a path expected")
    .default("/etc/config-ch-jetstream-defaults/jetstream-dispatcher-config")
    .describe("The file with what config-ch-jetstream-defaults says, which the Deployment mounts."),
  ADMIN_PORT: port
    .default(9090)
    .describe(
      "Where /healthz, /readyz and /metrics are; 0 lets the system choose, the log says which.",
    ),
  LOG_LEVEL: z
    .string()
    .refine(isLogLevel, "one of trace, debug, info, warn, error, fatal, silent expected")
    .optional()
    .describe(
      "trace, debug, info, warn, error, fatal or silent. Unset: what Knative's config-logging says, else info.",
    ),
  POD_NAME: z
    .string()
    .optional()
    .describe(
      "The holder's name in the Lease, and the reporter's in Events; unset: the host's name.",
    ),
  CLUSTER_DOMAIN: z
    .string()
    .min(1, "a domain expected")
    .default("cluster.local")
    .describe("The end of the channels' host names; dispatchers get it too."),
  KUBECONFIG: z
    .string()
    .optional()
    .describe("Where the API server is, a file or several with : between them."),
  HOME: z.string().optional().describe("Without KUBECONFIG: the folder of .kube/config."),
  KUBERNETES_SERVICE_HOST: z
    .string()
    .optional()
    .describe("Without either: the API server, as Kubernetes gives it to every Pod."),
  KUBERNETES_SERVICE_PORT: z.string().optional().describe("Its port."),
  SERVICE_ACCOUNT_PATH: z
    .string()
    .default(ACCOUNT_FOLDER)
    .describe("With it: the folder of the Pod's token and CA certificate."),
});

/** The controller's environment, checked. */
export type Environment = z.output<typeof Environment>;

/** Reads the controller's environment; throws one error that names every variable that is not right. */
export function parseEnvironment(env: Record<string, string | undefined>): Environment {
  return parseEnv(Environment, env);
}
