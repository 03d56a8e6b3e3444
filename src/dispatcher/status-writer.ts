/*
 * Writes the dispatcher's part of a channel's status, when it differs from what is there.
 *
 * It is applied under a field manager of our own, so that the controller's part stays the
 * controller's. An entry of `status.subscribers` that is nobody's any more, left by another program,
 * is taken out by a patch that holds only for the version that was seen. Called by channels-watch.ts.
 */
import { isDeepStrictEqual } from "node:util";
import { FIELD_MANAGERS } from "../api/cluster-names.ts";
import { API_VERSION, KIND } from "../api/names.ts";
import type { JsonPatchStep, KubeClient } from "../kube/client.ts";
import { isConflict, isNotFound } from "../kube/kube-error.ts";
import { nameOf } from "../kube/resource.ts";
import { CHANNELS, type ChannelObject } from "./channel-objects.ts";
import type { DispatcherStatus } from "./channel-status.ts";

/** Writes status; see the head of this file. */
export class StatusWriter {
  readonly #client: Pick<KubeClient, "apply" | "jsonPatch">;

  constructor(client: Pick<KubeClient, "apply" | "jsonPatch">) {
    this.#client = client;
  }

  /** Writes what differs, and gives the object as it is then; a channel that is gone meanwhile needs none. */
  async write(object: ChannelObject, status: DispatcherStatus): Promise<ChannelObject> {
    if (isWritten(object, status)) return object;
    const name = nameOf(object);
    const { namespace = "", uid = "" } = object.metadata ?? {};
    const applied: ChannelObject = {
      apiVersion: API_VERSION,
      kind: KIND,
      // The uid: an object that was deleted and made again is another one.
      metadata: { namespace, name: name.name, uid },
      status: { ...status },
    };
    try {
      const written = await this.#client.apply(CHANNELS, applied, {
        subresource: "status",
        fieldManager: FIELD_MANAGERS.dispatcher,
        force: true,
      });
      return await this.#clear(written, status);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
      return object;
    }
  }

  async #clear(object: ChannelObject, { subscribers }: DispatcherStatus): Promise<ChannelObject> {
    const wanted = new Set(subscribers.map(({ uid }) => uid));
    const patch: JsonPatchStep[] = (object.status?.subscribers ?? [])
      .map(({ uid }, index) => ({ uid, index }))
      .filter(({ uid }) => !wanted.has(uid))
      // From the end, so that the places of those before stay true.
      .reverse()
      .map(({ index }) => ({ op: "remove", path: `/status/subscribers/${index}` }));
    if (patch.length === 0) return object;
    const value = object.metadata?.resourceVersion;
    const test: JsonPatchStep = { op: "test", path: "/metadata/resourceVersion", value };
    return await this.#client.jsonPatch(CHANNELS, nameOf(object), {
      subresource: "status",
      patch: [test, ...patch],
    });
  }
}

/** Tells whether the object has this status already. */
function isWritten({ status }: ChannelObject, wanted: DispatcherStatus): boolean {
  const own = new Set(wanted.conditions.map(({ type }) => type));
  const conditions = (status?.conditions ?? []).filter(({ type }) => own.has(type));
  return (
    isDeepStrictEqual(byKey(conditions, "type"), byKey(wanted.conditions, "type")) &&
    isDeepStrictEqual(status?.stream, wanted.stream) &&
    isDeepStrictEqual(byKey(status?.subscribers ?? [], "uid"), byKey(wanted.subscribers, "uid"))
  );
}

function byKey(entries: readonly object[], key: string): object {
  return Object.fromEntries(
    entries.map((entry) => [(entry as Record<string, unknown>)[key], entry]),
  );
}
