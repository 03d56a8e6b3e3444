/** Names an object, or all of a kind: in one namespace, or in the whole cluster. */
export interface ObjectRef {
  apiVersion: string;
  kind: string;
  namespace?: string | undefined;
  name?: string | undefined;
  /** `status`, `scale`, `token`, … */
  subresource?: string | undefined;
}

/** Holds what is known of an API server's resources. */
export interface ResourcePaths {
  /** Gives the path of an object or a collection. Rejects when the API server does not know the kind. */
  pathOf(ref: ObjectRef): Promise<string>;
}

interface Resource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/** Asks the API server once per group and version what its kinds are called in paths, and again for a kind that is new. */
export function createResourcePaths(
  get: (path: string) => Promise<{ resources: Resource[] }>,
): ResourcePaths {
  const known = new Map<string, Resource>();
  const discover = async (ref: ObjectRef): Promise<Resource> => {
    const { resources } = await get(basePath(ref));
    for (const resource of resources) {
      if (!resource.name.includes("/")) {
        known.set(`${ref.apiVersion} ${resource.kind}`, resource);
      }
    }
    const found = known.get(`${ref.apiVersion} ${ref.kind}`);
    if (found === undefined) {
      throw new Error(`the API server has no ${ref.kind} in ${ref.apiVersion}`);
    }
    return found;
  };
  return {
    async pathOf(ref) {
      const resource = known.get(`${ref.apiVersion} ${ref.kind}`) ?? (await discover(ref));
      const inNamespace = resource.namespaced && ref.namespace !== undefined;
      if (resource.namespaced && !inNamespace && ref.name !== undefined) {
        throw new Error(`the ${ref.kind} ${ref.name} needs a namespace`);
      }
      const parts = [basePath(ref), ...(inNamespace ? ["namespaces", ref.namespace] : [])];
      parts.push(resource.name, ref.name, ref.subresource);
      return parts.filter((part) => part !== undefined).join("/");
    },
  };
}

function basePath({ apiVersion }: ObjectRef): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
