import type { RequestOptions } from "./attempts.ts";
import type { KubeClient } from "./client.ts";
import { isForbidden, isNotFound } from "./kube-error.ts";
import type { OwnerReference } from "./metadata.ts";
import { RESOURCES } from "./objects.ts";

const USER_NAME = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * Gives the reference to the service account that we act as, so that an object in its namespace goes with it; undefined for somebody of
 * another kind or namespace. The API server is asked, which needs no right of its own; where even that is not allowed, nobody is the owner.
 */
export async function ownAccount(
  client: Pick<KubeClient, "create">,
  namespace: string,
  options: RequestOptions = {},
): Promise<OwnerReference | undefined> {
  const review = await client.create(RESOURCES.selfSubjectReviews, {}, options).catch((error) => {
    if (isForbidden(error) || isNotFound(error)) return undefined;
    throw error;
  });
  const { username = "", uid } = review?.status?.userInfo ?? {};
  const [, home, name] = USER_NAME.exec(username) ?? [];
  if (home !== namespace || name === undefined || uid === undefined) return undefined;
  return { apiVersion: "v1", kind: RESOURCES.serviceAccounts.kind, name, uid };
}
