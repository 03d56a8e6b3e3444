/*
 * The dispatcher program: environment → configuration → source of channels → dispatcher → signals.
 * Channels come from files where CHANNELS_PATH names them (standalone mode), else from the cluster.
 */
import { errorMessage } from "../runtime/errors.ts";
import { runUntilSignal } from "../runtime/lifecycle.ts";
import { createLogger, exitWith, isLogLevel, type Logger } from "../runtime/logger.ts";
import { Tracing } from "../runtime/tracing.ts";
import { ChannelsFile } from "./channels-file.ts";
import { watchChannels } from "./cluster-channels.ts";
import { type Environment, parseEnvironment, readConfiguration } from "./configuration.ts";
import { type StartSource, startDispatcher } from "./dispatcher.ts";
import { resourceFor, tracingIn } from "./dispatcher-tracing.ts";
import { KnativeConfig } from "./knative-config.ts";
import { LiveConfiguration } from "./live-configuration.ts";

const { LOG_LEVEL: level = "info" } = process.env;
const log = createLogger({
  name: "jetstream-channel-dispatcher",
  level: isLogLevel(level) ? level : "info",
});

try {
  await run(parseEnvironment(process.env), log);
} catch (error) {
  log.fatal({ error: errorMessage(error) }, "cannot start");
  exitWith(log, 1);
}

async function run(environment: Environment, log: Logger): Promise<void> {
  const { CHANNELS_PATH: path, KNATIVE_CONFIG_PATH: folder } = environment;
  const first = await readConfiguration(environment);
  const configuration = new LiveConfiguration(first, { environment, log });
  const isLevelGiven = environment.LOG_LEVEL !== undefined;
  const knative = new KnativeConfig({ folder, log, isLevelGiven });
  const tracing = new Tracing({ log, resource: resourceFor(environment) });
  const givenTracing = tracingIn(environment);
  if (givenTracing === undefined) knative.onTracing((wanted) => void tracing.configure(wanted));
  else await tracing.configure(givenTracing);
  const { jetstream: naming } = first;
  const startFromFiles: StartSource = async (onChange) => {
    const file = new ChannelsFile({ path: path ?? "", naming, log, onChange });
    await file.start();
    return { source: file, fault: () => file.fault, stop: () => file.stop() };
  };
  const startFromCluster: StartSource = async (onChange, onDecided) => {
    await knative.start();
    const options = { environment, naming, knative, log, onChange, onDecided };
    const started = await watchChannels(options);
    return {
      ...started,
      async stop() {
        knative.stop();
        await started.stop();
      },
    };
  };
  const steps = await startDispatcher({
    environment,
    configuration,
    knative,
    tracing,
    log,
    startSource: path === undefined ? startFromCluster : startFromFiles,
  });
  const gracePeriodMs = () => configuration.current.dispatch.gracePeriodMs;
  runUntilSignal({ log, gracePeriodMs, steps });
}
