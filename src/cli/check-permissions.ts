import { CONTROLLER_NAME, DEFAULTS_CONFIG, DISPATCHER_NAME, LEASES } from "../api/cluster-names.ts";
import type { KubeObject, Resource } from "../kube/resource.ts";
import { CHANNELS, type Cluster, WAIT } from "./cluster.ts";
import { guarded, type Line, ok, warn } from "./diagnosis.ts";

interface AccessReview extends KubeObject {
  spec: { resourceAttributes: Attributes };
  status?: { allowed?: boolean };
}

/** Names what somebody wants to do, as Kubernetes' authorizers see it. */
interface Attributes {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
}

const REVIEWS: Resource<AccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  namespaced: false,
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
};

/** Asks the API server whether the person may read what `status` and `doctor` read. */
export function checkPermissions(cluster: Cluster): Promise<Line[]> {
  const check = "your permissions";
  return guarded(check, async () => {
    const wanted = wantedIn(cluster.systemNamespace);
    const answers = await Promise.all(wanted.map((attributes) => isAllowed(cluster, attributes)));
    const denied = wanted.filter((_, index) => !answers[index]).map(inWords);
    if (denied.length === 0) return [ok(check, "all that status and doctor read")];
    const remedy = "have an admin bind the roles of docs/cli.md to you";
    return [warn(check, `you may not ${denied.join(", ")}`, remedy)];
  });
}

function wantedIn(namespace: string): Attributes[] {
  const apps = { group: "apps", resource: "deployments", namespace };
  const admission = { verb: "list", group: "admissionregistration.k8s.io" };
  return [
    { verb: "list", group: CHANNELS.group, resource: CHANNELS.plural },
    {
      verb: "get",
      group: "apiextensions.k8s.io",
      resource: "customresourcedefinitions",
      name: `${CHANNELS.plural}.${CHANNELS.group}`,
    },
    { ...admission, resource: "validatingwebhookconfigurations" },
    { ...admission, resource: "mutatingwebhookconfigurations" },
    { verb: "get", ...apps, name: CONTROLLER_NAME },
    { verb: "get", ...apps, name: DISPATCHER_NAME },
    {
      verb: "get",
      group: "coordination.k8s.io",
      resource: "leases",
      namespace,
      name: LEASES.controller,
    },
    { verb: "get", group: "", resource: "configmaps", namespace, name: DEFAULTS_CONFIG.name },
    { verb: "list", group: "", resource: "pods", namespace },
    { verb: "get", group: "", resource: "pods", subresource: "proxy", namespace },
  ];
}

async function isAllowed({ client }: Cluster, resourceAttributes: Attributes): Promise<boolean> {
  const review = { metadata: {}, spec: { resourceAttributes } };
  const { status } = await client.create(REVIEWS, review, WAIT);
  return status?.allowed === true;
}

function inWords({ verb, resource, subresource, namespace }: Attributes): string {
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${verb} ${what}${namespace === undefined ? "" : ` in ${namespace}`}`;
}
