import { setTimeout as delay } from "node:timers/promises";
import type { ClusterAccess } from "../cluster-access.ts";
import { type KubeClient, KubeError } from "../kube-client.ts";
import type { LocalImages } from "./local-image.ts";

const tryAgainAfterMs = 250;

/** Says what the Pods of one node have in common. */
export interface NodeContext {
  name: string;
  client: KubeClient;
  /** Where Pods find the API server; as whom is their own affair. */
  cluster: Pick<ClusterAccess, "server">;
  images: LocalImages;
  ip: string;
  /** The folder of all Pods. */
  folder: string;
  /** Aborts when nobody waits for the API server any more. */
  closed: AbortSignal;
}

// The namespace is being terminated, the object is gone, or it is another one by now.
const lateReasons = [403, 404, 409];
const wrongRequest = [400, 422];

/**
 * Writes to the API server until it takes it, since it may be away for a while. Content when it comes too late; rejects
 * when the request itself is wrong.
 */
export async function persist(
  write: () => Promise<unknown>,
  { closed }: NodeContext,
): Promise<void> {
  while (!closed.aborted) {
    try {
      await write();
      return;
    } catch (error) {
      const status = error instanceof KubeError ? error.status : 0;
      if (lateReasons.includes(status)) return;
      if (wrongRequest.includes(status)) throw error;
    }
    await delay(tryAgainAfterMs, undefined, { signal: closed }).catch(() => {});
  }
}
