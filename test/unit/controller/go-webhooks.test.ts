import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { goWebhooks, webhooksFault } from "../../../src/controller/go-webhooks.ts";
import type { WebhookConfiguration } from "../../../src/controller/kinds.ts";
import type { Happening } from "../../../src/kube/event-recorder.ts";
import { WatchedStore } from "../../../src/kube/store.ts";
import { createLogger } from "../../../src/runtime/logger.ts";

const named = (name: string, ...webhooks: string[]) => ({
  metadata: { name },
  webhooks: webhooks.map((webhook) => ({ name: webhook })),
});
const others = [named("validation.webhook.eventing.knative.dev", "webhook.eventing.knative.dev")];
const validation = "validation.webhook.nats.messaging.knative.dev";
const defaulting = "defaulting.webhook.nats.messaging.knative.dev";

describe("admission webhooks", () => {
  it("of others are nothing to wait for", () => {
    expect(webhooksFault({ validating: others, mutating: others })).toBeUndefined();
  });

  it("of the Go implementation are named with the commands that remove them", () => {
    const validating = [...others, named(validation, validation)];
    const fault = webhooksFault({ validating, mutating: [named(defaulting)] });
    expect(fault).toContain(
      `kubectl delete validatingwebhookconfiguration ${validation}; kubectl delete mutatingwebhookconfiguration ${defaulting}`,
    );
    expect(fault).not.toContain("eventing.knative.dev;");
  });

  it("are found under another name of their configuration, too", () => {
    const fault = webhooksFault({ validating: [named("renamed", validation)], mutating: [] });
    expect(fault).toContain("kubectl delete validatingwebhookconfiguration renamed");
  });
});

describe("the controller", () => {
  const log = createLogger({ name: "test", level: "silent" });

  function watched() {
    const store = new WatchedStore<WebhookConfiguration>({ log });
    return { store, onChange: store.onChange.bind(store) };
  }

  it("waits until the last of them is gone, and tells once of each that stands, also when they come back", async () => {
    const [validatingWebhooks, mutatingWebhooks] = [watched(), watched()];
    const told: Happening[] = [];
    const deployment = { kind: "Deployment", metadata: { name: "jetstream-ch-controller" } };
    const webhooks = goWebhooks({
      world: { validatingWebhooks, mutatingWebhooks },
      events: { record: (happening) => void told.push(happening) },
      regarding: () => deployment,
      log,
    });
    validatingWebhooks.store.put(named(validation));
    mutatingWebhooks.store.put(named(defaulting));
    let isGone = false;
    const gone = webhooks.gone().then(() => {
      isGone = true;
    });
    validatingWebhooks.store.put(named(validation, validation));
    validatingWebhooks.store.remove(named(validation));
    await turn();
    expect(isGone).toBe(false);
    expect(webhooks.fault()).toBe(told.at(-1)?.note);
    mutatingWebhooks.store.remove(named(defaulting));
    await gone;
    expect(webhooks.fault()).toBeUndefined();
    mutatingWebhooks.store.put(named(defaulting));
    const both = "validatingwebhookconfiguration";
    expect(told.map(({ note }) => note.includes(both))).toEqual([true, false, false]);
    expect(told[0]).toMatchObject({
      type: "Warning",
      reason: "GoWebhooksStand",
      regarding: deployment,
    });
  });
});
