/*
 * Looks out for the admission webhooks of the Go implementation, which have outlived many an installation.
 *
 * While they stand, a server that knows none of our fields decides on every write to a channel and its status, and where that server is gone, no
 * write gets through. So the controller waits for them to go, and says which commands remove them: in an Event about its Deployment, in
 * its log and on /readyz. When they come back it says so too, and goes on as well as it can. Nothing is removed here.
 */
import { goWebhookCommands } from "../api/go-webhooks.ts";
import type { EventRecorder } from "../kube/event-recorder.ts";
import type { Reflector } from "../kube/reflector.ts";
import type { KubeObject } from "../kube/resource.ts";
import type { Logger } from "../runtime/logger.ts";
import type { WebhookConfiguration } from "./kinds.ts";

export interface GoWebhooks {
  /** Says that they stand, and how to remove them; undefined when there are none. */
  fault(): string | undefined;
  /** Resolves when there are none, and from then on tells of those that come. */
  gone(): Promise<void>;
}

/** Looks out for the webhooks in what is known of the cluster; see the head of this file. */
export function goWebhooks(deps: {
  world: Record<
    "validatingWebhooks" | "mutatingWebhooks",
    Pick<Reflector<WebhookConfiguration>, "store" | "onChange">
  >;
  events: Pick<EventRecorder, "record">;
  /** Is what the Events are about: the controller's Deployment. */
  regarding: () => KubeObject;
  log: Logger;
}): GoWebhooks {
  const { world, events, regarding, log } = deps;
  const fault = () =>
    webhooksFault({
      validating: world.validatingWebhooks.store.values(),
      mutating: world.mutatingWebhooks.store.values(),
    });
  let told: string | undefined;
  const tell = (note: string | undefined) => {
    if (note === told) return;
    told = note;
    if (note === undefined) {
      log.info("the webhooks of the Go implementation are gone");
      return;
    }
    log.warn({ fault: note }, "the webhooks of the Go implementation stand");
    const reason = "GoWebhooksStand";
    events.record({ regarding: regarding(), type: "Warning", reason, action: "Wait", note });
  };
  return {
    fault,
    gone: () =>
      new Promise((resolve) => {
        const look = () => {
          tell(fault());
          if (told === undefined) resolve();
        };
        look();
        world.validatingWebhooks.onChange(look);
        world.mutatingWebhooks.onChange(look);
      }),
  };
}

/** Says which of these configurations are the Go implementation's, and how to remove them; undefined when none is. */
export function webhooksFault(known: {
  validating: Iterable<WebhookConfiguration>;
  mutating: Iterable<WebhookConfiguration>;
}): string | undefined {
  const commands = goWebhookCommands(known);
  if (commands.length === 0) return undefined;
  return `admission webhooks of the Go implementation (eventing-natss) stand in the way of every write to a channel, so the controller waits for them to go. Remove them: ${commands.join("; ")}`;
}
