/*
 * Tells of what the controller works without where it may not read it: /readyz says it, and an Event about its Deployment. That a type is not
 * there at all is no fault, Knative need not be installed; and an API server that is away is nobody's to be told of before a while.
 */
import type { EventRecorder } from "../kube/event-recorder.ts";
import { isForbidden } from "../kube/kube-error.ts";
import type { Reflector } from "../kube/reflector.ts";
import type { KubeObject } from "../kube/resource.ts";

type Watched = Pick<Reflector<KubeObject>, "failure" | "downForMs" | "knowledge" | "onFailure">;

/** Says what it means that each of these cannot be read. */
const CONSEQUENCES = {
  subscriptions: "entries of spec.subscribers that Knative has left behind stay",
  policies: "channels are as open as they were before, and new ones are closed",
} as const;

/** A watch that is down for less is what happens when an API server is restarted. */
const DOWN_MS = 30_000;

export interface Unreadable {
  /** Says what cannot be read, why, and what follows; undefined when all can be. */
  fault(): string | undefined;
  /** Tells of it in an Event, now and from now on. */
  tell(): void;
}

/** Looks out for what cannot be read; see the head of this file. */
export function unreadable(deps: {
  world: Record<keyof typeof CONSEQUENCES, Watched>;
  events: Pick<EventRecorder, "record">;
  /** Is what the Events are about: the controller's Deployment. */
  regarding: () => KubeObject;
}): Unreadable {
  const { world, events, regarding } = deps;
  const what = ["policies", "subscriptions"] as const;
  const noteOf = (name: keyof typeof CONSEQUENCES): string | undefined => {
    const failure = world[name].failure();
    if (failure === undefined || world[name].knowledge() === "no such API") return undefined;
    if (!isForbidden(failure) && world[name].downForMs() < DOWN_MS) return undefined;
    return `${failure.message}; meanwhile ${CONSEQUENCES[name]}`;
  };
  const tell = (name: keyof typeof CONSEQUENCES): void => {
    const note = noteOf(name);
    if (note === undefined) return;
    const reason = name === "policies" ? "PoliciesUnknown" : "SubscriptionsUnknown";
    events.record({ regarding: regarding(), type: "Warning", reason, action: "Watch", note });
  };
  return {
    fault: () => what.map(noteOf).find((note) => note !== undefined),
    tell() {
      for (const name of what) {
        tell(name);
        world[name].onFailure(() => tell(name));
      }
    },
  };
}
