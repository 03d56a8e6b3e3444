import { KubeError } from "./kube-error.ts";
import type { Transport } from "./transport.ts";

/** Gives a transport over the same connections that carries writes only while it may, and otherwise fails before anything is sent. */
export function fence(transport: Transport, mayWrite: () => boolean): Transport {
  return {
    ...transport,
    json: async (call) => {
      if (call.method === "GET" || mayWrite()) return await transport.json(call);
      const message = `cannot ${call.what}: not the leader (any more)`;
      throw new KubeError(message, { reason: "Aborted" });
    },
  };
}
