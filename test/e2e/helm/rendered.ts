import { loadAll } from "js-yaml";
import { renderChart } from "../../support/helm.ts";
import type { KubeObject } from "../../support/kube-client.ts";

/** Renders our chart and gives its objects by kind and name: `ConfigMap/config-jetstream`. */
export async function rendered(
  values: object = {},
  namespace = "knative-eventing",
): Promise<Map<string, KubeObject>> {
  return objectsIn(await renderChart({ namespace, values }));
}

/** Gives the objects of a text by kind and name. */
export function objectsIn(text: string): Map<string, KubeObject> {
  const objects = loadAll(text).filter((object) => object !== null) as KubeObject[];
  return new Map(objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
}
