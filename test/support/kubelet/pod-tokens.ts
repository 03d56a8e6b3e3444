import type { AuthenticationV1TokenRequest, V1Pod } from "@kubernetes/client-node";
import type { KubeClient } from "../kube-client.ts";

// As the kubelet does.
const renewAtShareOfLife = 0.8;

/** Says what a token is for. */
export interface TokenWish {
  audience: string | undefined;
  expirationSeconds: number | undefined;
}

/** Holds the tokens of a Pod's ServiceAccount that are bound to the Pod. */
export interface PodTokens {
  /** Gives a token that has a fifth of its life left at least. */
  token(wish: TokenWish): Promise<string>;
  /** Takes all of them for old. */
  forget(): void;
}

/** Asks the API server for a Pod's tokens, and for new ones in good time. */
export function createPodTokens(client: KubeClient, { metadata, spec }: V1Pod): PodTokens {
  const kept = new Map<string, { token: string; renewAt: number }>();
  const { namespace, name, uid } = metadata ?? {};
  const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid };
  return {
    forget: () => kept.clear(),
    async token({ audience, expirationSeconds }) {
      const key = JSON.stringify([audience, expirationSeconds]);
      const known = kept.get(key);
      if (known !== undefined && Date.now() < known.renewAt) {
        return known.token;
      }
      const audiences = audience === undefined ? undefined : [audience];
      const requestedAt = Date.now();
      const { status } = await client.create<AuthenticationV1TokenRequest>(
        {
          ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {} },
          spec: { audiences, expirationSeconds, boundObjectRef },
        },
        {
          ...{ apiVersion: "v1", kind: "ServiceAccount", subresource: "token", namespace },
          name: spec?.serviceAccountName ?? "default",
        },
      );
      const token = status?.token ?? "";
      const lifeMs = new Date(status?.expirationTimestamp ?? 0).getTime() - requestedAt;
      kept.set(key, { token, renewAt: requestedAt + lifeMs * renewAtShareOfLife });
      return token;
    },
  };
}
