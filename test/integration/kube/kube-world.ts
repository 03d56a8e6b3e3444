import { afterEach, beforeEach, expect } from "vitest";
import { KubeClient } from "../../../src/kube/client.ts";
import { KubeError } from "../../../src/kube/kube-error.ts";
import type { KubeObject, Resource } from "../../../src/kube/resource.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { ApiStandIn } from "../../support/api-stand-in.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

/** Is a type of objects that only the stand-in knows. */
export interface Thing extends KubeObject {
  spec?: { value?: number };
  status?: { value?: number };
}

export const THINGS: Resource<Thing> = {
  group: "example.dev",
  version: "v1",
  kind: "Thing",
  plural: "things",
  namespaced: true,
};

/** The collection of the namespace `ns`. */
export const IN_NS = "/apis/example.dev/v1/namespaces/ns/things";

export const silentLog = createLogger({ name: "test", level: "silent" });

/** Holds what each test has anew. */
export interface KubeWorld {
  server: ApiStandIn;
  proxy: TcpProxy;
  /** Speaks with the stand-in through the proxy. */
  client: KubeClient;
}

/** Gives each test of a file a stand-in, a proxy in front of it and a client, and ends them after it. */
export function kubeWorld(): KubeWorld {
  const world = {} as KubeWorld;
  beforeEach(async () => {
    world.server = new ApiStandIn();
    await world.server.start();
    world.proxy = await startTcpProxy(world.server.port);
    const access = world.server.access(world.proxy.port);
    world.client = new KubeClient({ access, userAgent: "test" });
  });
  afterEach(async () => {
    await world.client.close();
    await world.proxy.close();
    await world.server.stop();
  });
  return world;
}

/** Makes a thing of the namespace `ns`. */
export function thing(name: string, value?: number): Thing {
  return {
    metadata: { namespace: "ns", name },
    ...(value === undefined ? {} : { spec: { value } }),
  };
}

/** Gives the KubeError that a request fails with. */
export async function failureOf(request: Promise<unknown>): Promise<KubeError> {
  const error = await request.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
}
