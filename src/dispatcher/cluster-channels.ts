/*
 * Cluster mode, put together: access to the API server → watch of the channels, election of a leader
 * → the source of channels. main.ts starts it where CHANNELS_PATH is not set.
 */
import { randomUUID } from "node:crypto";
import { DISPATCHER_NAME, FIELD_MANAGERS, LEASES } from "../api/cluster-names.ts";
import type { JetStreamNaming } from "../api/settings.ts";
import { findAccess } from "../kube/access.ts";
import { KubeClient } from "../kube/client.ts";
import { EventRecorder } from "../kube/event-recorder.ts";
import { LeaseElector } from "../kube/lease.ts";
import { ownAccount } from "../kube/own-account.ts";
import { Reflector, withoutManagedFields } from "../kube/reflector.ts";
import type { Logger } from "../runtime/logger.ts";
import { CHANNELS } from "./channel-objects.ts";
import { ChannelsWatch } from "./channels-watch.ts";
import type { Environment } from "./configuration.ts";
import type { StartedSource } from "./dispatcher.ts";
import type { KnativeConfig } from "./knative-config.ts";
import { SubscriptionLookup } from "./subscription-lookup.ts";

/** Starts to watch the channels of this dispatcher's scope; they are there when `fault` is undefined. */
export async function watchChannels(options: {
  environment: Environment;
  naming: JetStreamNaming;
  knative: KnativeConfig;
  log: Logger;
  onChange: (key: string) => void;
  onDecided: (key: string) => void;
}): Promise<StartedSource> {
  const { environment, naming, knative, log, onChange, onDecided } = options;
  const { NAMESPACE: namespace, POD_NAMESPACE, POD_NAME = "dispatcher" } = environment;
  const access = await findAccess({
    kubeconfig: environment.KUBECONFIG,
    home: environment.HOME,
    serviceHost: environment.KUBERNETES_SERVICE_HOST,
    servicePort: environment.KUBERNETES_SERVICE_PORT,
    accountFolder: environment.SERVICE_ACCOUNT_PATH,
  }).catch((cause: unknown) => {
    throw new Error("without CHANNELS_PATH the channels come from a cluster", { cause });
  });
  const client = new KubeClient({ access, userAgent: DISPATCHER_NAME });
  const transform = withoutManagedFields;
  const selection = { namespace };
  const reflector = new Reflector({ client, resource: CHANNELS, selection, log, transform });
  const elector = new LeaseElector({
    client,
    namespace: POD_NAMESPACE,
    name: LEASES.dispatcher,
    // A container that was started again in its Pod is another process.
    identity: `${POD_NAME}_${randomUUID()}`,
    owner: (options) => ownAccount(client, POD_NAMESPACE, options),
    log,
    // What the leader before left undone is done now.
    onAcquired: () => source.keys().forEach(onChange),
    onLost: () => log.warn("another replica leads now; this one goes on to receive and deliver"),
  });
  const recorder = new EventRecorder({
    ...{ client, log },
    component: FIELD_MANAGERS.dispatcher,
    instance: POD_NAME,
  });
  const isNamespaced = namespace !== undefined;
  const source = new ChannelsWatch({
    client,
    reflector,
    elector,
    recorder,
    subscriptions: new SubscriptionLookup({
      client,
      namespace,
      mayBeElsewhere: async () => isNamespaced && (await knative.hasCrossNamespaceLinks()),
    }),
    naming,
    isNamespaced,
    log,
    onChange,
    onDecided,
  });
  let isSynced = false;
  void reflector.hasSynced().then(() => {
    isSynced = true;
  });
  reflector.start();
  elector.start();
  return {
    source,
    fault() {
      if (isSynced) return undefined;
      return `the channels are not loaded yet: ${reflector.failure()?.message ?? "listing them"}`;
    },
    async stop() {
      await elector.stop();
      await recorder.stop();
      await reflector.stop();
      await client.close();
    },
  };
}
