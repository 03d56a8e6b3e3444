import { z } from "zod";
import { ACCOUNT_FOLDER } from "../kube/access.ts";
import { parseEnv, port } from "../runtime/env.ts";
import { isLogLevel } from "../runtime/logger.ts";

const required = (what: string) => {
  const error = `required: ${what}`;
  return z.string({ error }).min(1, error);
};

const Environment = z.object({
  SYSTEM_NAMESPACE: required("the namespace of the controller and of the cluster's dispatcher"),
  // Where Knative Eventing is, if that is another namespace.
  KNATIVE_NAMESPACE: z.string().optional(),
  DISPATCHER_IMAGE: required("the image of dispatchers"),
  DISPATCHER_CONFIG_PATH: z
    .string()
    .min(1, "a path expected")
    .default("/etc/config-ch-jetstream-defaults/jetstream-dispatcher-config"),
  ADMIN_PORT: port.default(9090),
  LOG_LEVEL: z
    .string()
    .refine(isLogLevel, "one of trace, debug, info, warn, error, fatal, silent expected")
    .optional(),
  POD_NAME: z.string().optional(),
  CLUSTER_DOMAIN: z.string().min(1, "a domain expected").default("cluster.local"),
  // How the API server is found, as kubectl finds it.
  KUBECONFIG: z.string().optional(),
  HOME: z.string().optional(),
  KUBERNETES_SERVICE_HOST: z.string().optional(),
  KUBERNETES_SERVICE_PORT: z.string().optional(),
  SERVICE_ACCOUNT_PATH: z.string().default(ACCOUNT_FOLDER),
});

/** The controller's environment, checked; see the README's table. */
export type Environment = z.output<typeof Environment>;

/** Reads the controller's environment; throws one error that names every variable that is not right. */
export function parseEnvironment(env: Record<string, string | undefined>): Environment {
  return parseEnv(Environment, env);
}
