import type { V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import type { KubeClient } from "./kube-client.ts";
import type { ProcessKubelet } from "./process-kubelet.ts";

const clusterName = /^([^.]+)\.([^.]+)\.svc(?:\..+)?$/;

/**
 * Finds what a request to a Service would reach in a cluster, given its url or host: the ready Pods behind it, each as
 * `127.0.0.1:<port>` of its process. It goes the way of DNS and kube-proxy: ExternalName, then the EndpointSlices, with
 * the Service's own mapping of ports. Tests send there, with the Service's host in the Host header.
 */
export async function serviceAddresses(
  client: KubeClient,
  kubelet: ProcessKubelet,
  url: string,
): Promise<string[]> {
  const { hostname, port } = new URL(url.includes("://") ? url : `http://${url}`);
  const [, name, namespace] = clusterName.exec(hostname) ?? [];
  if (name === undefined || namespace === undefined) {
    throw new Error(`${hostname} is not the host of a Service: <name>.<namespace>.svc expected`);
  }
  const service = await client.get<V1Service>({
    ...{ apiVersion: "v1", kind: "Service", namespace, name },
  });
  const target = service.spec?.externalName;
  if (target !== undefined) {
    return await serviceAddresses(client, kubelet, port === "" ? target : `${target}:${port}`);
  }
  const wanted = Number(port === "" ? 80 : port);
  const portName = service.spec?.ports?.find((one) => one.port === wanted)?.name;
  const slices = await client.list<V1EndpointSlice>(
    { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace },
    { labelSelector: `kubernetes.io/service-name=${name}` },
  );
  return slices.items.flatMap((slice) => addressesIn(slice, portName, kubelet));
}

function addressesIn(
  { endpoints, ports }: V1EndpointSlice,
  portName: string | undefined,
  kubelet: ProcessKubelet,
): string[] {
  const port = ports?.find(({ name = "" }) => name === (portName ?? ""))?.port;
  if (port === undefined) return [];
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses)
    .map((ip) => kubelet.addressOf(ip, port))
    .filter((address) => address !== undefined);
}
