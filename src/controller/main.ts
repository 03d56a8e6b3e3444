/*
 * The controller program: environment → API server → reflectors → Lease → control loops → signals.
 */

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { LEASES } from "../api/cluster-names.ts";
import { findAccess } from "../kube/access.ts";
import { KubeClient } from "../kube/client.ts";
import { EventRecorder } from "../kube/event-recorder.ts";
import { LeaseElector } from "../kube/lease.ts";
import { RESOURCES } from "../kube/objects.ts";
import { ownAccount } from "../kube/own-account.ts";
import { startAdminServer } from "../runtime/admin-server.ts";
import { errorMessage } from "../runtime/errors.ts";
import { runUntilSignal } from "../runtime/lifecycle.ts";
import { createLogger, exitWith, isLogLevel, type Logger } from "../runtime/logger.ts";
import { createControllerMetrics } from "../runtime/metrics.ts";
import { pageOf } from "./channel-metrics.ts";
import { type Environment, parseEnvironment } from "./configuration.ts";
import { Controller } from "./controller.ts";
import { DefaultsFile } from "./defaults-file.ts";
import { ownSettings } from "./own-settings.ts";

const NAME = "jetstream-channel-controller";
const GRACE_PERIOD_MS = 10_000;
/** What is left of the Lease when a write is sent, so that it arrives in time. */
const LEAD_AT_LEAST_MS = 2_000;

const { LOG_LEVEL: level = "info" } = process.env;
const log = createLogger({ name: NAME, level: isLogLevel(level) ? level : "info" });

try {
  await run(parseEnvironment(process.env), log);
} catch (error) {
  log.fatal({ error: errorMessage(error) }, "cannot start");
  exitWith(log, 1);
}

async function run(environment: Environment, log: Logger): Promise<void> {
  const { SYSTEM_NAMESPACE: systemNamespace, POD_NAME: podName = hostname() } = environment;
  const metrics = createControllerMetrics();
  const settings = ownSettings({ log, isLevelGiven: environment.LOG_LEVEL !== undefined });
  const client = new KubeClient({ access: await accessFor(environment), userAgent: NAME });
  const events = new EventRecorder({ client, component: NAME, instance: podName, log });
  const defaults = new DefaultsFile({ path: environment.DISPATCHER_CONFIG_PATH, log });
  const controller = new Controller({
    // A process that was frozen finds there that another one may lead by now.
    client: client.fenced(() => elector.deadlineMs() > LEAD_AT_LEAST_MS),
    events,
    defaults,
    environment: controlledIn(environment, await clusterIdOf(client)),
    log,
    settings,
    onOutcome(loop, outcome, durationMs) {
      metrics.reconciles.inc({ loop, outcome });
      metrics.reconcileDuration.observe({ loop }, durationMs / 1_000);
    },
    observerOf: metrics.workQueue,
  });
  await controller.follow();
  const elector = new LeaseElector({
    client,
    namespace: systemNamespace,
    name: LEASES.controller,
    identity: `${podName}_${randomUUID()}`,
    owner: (options) => ownAccount(client, systemNamespace, options),
    log,
    onAcquired() {
      metrics.leader.set(1);
      controller.lead().catch((error: unknown) => {
        log.fatal({ error: errorMessage(error) }, "cannot lead");
        exitWith(log, 1);
      });
    },
    onLost() {
      // Work of ours may be under way that another one does now; a new process begins from what is there.
      log.fatal("the lease is lost, exiting");
      exitWith(log, 1);
    },
  });
  elector.start();
  const admin = await startAdminServer({
    port: environment.ADMIN_PORT,
    pages: {
      healthy: () => true,
      ready: () => controller.ready(),
      notes: () => [...defaults.notes, ...settings.notes],
      metrics: () => pageOf(metrics, controller, settings.observability),
      json: {},
    },
  });
  log.info({ port: admin.port }, "admin server listening");
  runUntilSignal({
    log,
    gracePeriodMs: () => GRACE_PERIOD_MS,
    steps: [
      ["control loops", () => controller.stop()],
      ["lease", () => elector.stop()],
      ["events", () => events.stop()],
      ["admin server", () => admin.close()],
      ["connections", () => client.close()],
    ],
  });
}

function controlledIn(environment: Environment, clusterId: string) {
  const { SYSTEM_NAMESPACE: systemNamespace, KNATIVE_NAMESPACE: knativeNamespace } = environment;
  return {
    systemNamespace,
    knativeNamespace: knativeNamespace || systemNamespace,
    image: environment.DISPATCHER_IMAGE,
    clusterId,
    clusterDomain: environment.CLUSTER_DOMAIN,
  };
}

function accessFor(environment: Environment) {
  return findAccess({
    kubeconfig: environment.KUBECONFIG,
    home: environment.HOME,
    serviceHost: environment.KUBERNETES_SERVICE_HOST,
    servicePort: environment.KUBERNETES_SERVICE_PORT,
    accountFolder: environment.SERVICE_ACCOUNT_PATH,
  });
}

/** A cluster's id is that of the namespace that every cluster has, and that is never made anew. */
async function clusterIdOf(client: KubeClient): Promise<string> {
  const { metadata } = await client.get(RESOURCES.namespaces, { name: "kube-system" });
  if (metadata?.uid === undefined) throw new Error("namespace kube-system has no uid");
  return metadata.uid;
}
