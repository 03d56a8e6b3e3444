/*
 * The demonstration behind `npm run demo:cluster`: the operator on a real Kubernetes API server of this machine. In this order:
 *
 *   1. the tools are found or built; etcd, API server, controller-manager and nats-server are started
 *   2. config/ is applied; the controller runs as a Pod, which is a local process
 *   3. examples/channel.yaml is applied, and it becomes an address
 *   4. a subscriber is added as Knative adds it, events are sent and counted
 *   5. the dispatcher is scaled to two, and one of them killed, while events are sent
 *   6. the channel is deleted
 *
 * `--keep` stops before 6 and waits for Ctrl-C, with a KUBECONFIG to play with. However it ends, no process stays.
 */
import { stopOnSignals, unlessStopped } from "../demo/stopping.ts";
import { type ClusterDemonstration, startClusterDemonstration } from "./demonstration.ts";
import { killWhileSending, sendAndCount } from "./traffic.ts";

const EVENTS = 500;
const isKept = process.argv.includes("--keep");
const { stopping, exitCodeFor } = stopOnSignals();

let exitCode = 0;
try {
  const demonstration = await startClusterDemonstration({ say, stopping });
  try {
    exitCode = await unlessStopped(run(demonstration), stopping);
  } finally {
    say("everything is stopped …");
    await demonstration.stop();
  }
} catch (error) {
  exitCode = exitCodeFor(error);
  say(sentenceFor(error));
}
process.exit(exitCode);

async function run(demonstration: ClusterDemonstration): Promise<number> {
  const { show, channel } = demonstration;
  await show("apply", "-f", "examples/channel.yaml");
  const readyAfterMs = await channel.untilReady();
  say(`the channel is ready after ${(readyAfterMs / 1_000).toFixed(1)} s`);
  await show("get", "natsjetstreamchannels", "orders", "-o", "wide");
  await show("get", "deployments,services", "-n", "knative-eventing");
  say("a subscriber is added, as Knative's Subscription controller does it");
  await channel.subscribe();
  let missing = await sendAndCount(demonstration, EVENTS, say);
  say(
    "two dispatchers from now on, and one is killed (-9) while events are sent; what it held comes again after ackWait, 30 s",
  );
  missing += await killWhileSending(demonstration, EVENTS, say);
  await show("get", "pods", "-n", "knative-eventing");
  if (isKept) {
    say(
      `\nIt stays up until Ctrl-C. Play with it:\n\n  export KUBECONFIG=${demonstration.kubeconfigPath}\n`,
    );
    say(
      `  kubectl get natsjsmc -A\n  kubectl describe natsjsmc orders\n  kubectl explain natsjsmc.spec.stream.config\n`,
    );
    await new Promise(() => undefined);
  }
  await show("delete", "natsjetstreamchannels", "orders");
  say(missing === 0 ? "nothing that was acknowledged is missing" : `${missing} events are missing`);
  return missing === 0 ? 0 : 1;
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`);
}

function sentenceFor(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}\n${sentenceFor(error.cause)}`;
}
