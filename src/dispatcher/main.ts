/*
 * The dispatcher program: environment → configuration → source of channels → dispatcher → signals.
 * Channels come from files where CHANNELS_PATH names them (standalone mode), else from the cluster.
 */
import { errorMessage } from "../runtime/errors.ts";
import { runUntilSignal } from "../runtime/lifecycle.ts";
import { createLogger, exitWith, isLogLevel, type Logger } from "../runtime/logger.ts";
import { ChannelsFile } from "./channels-file.ts";
import { watchChannels } from "./cluster-channels.ts";
import { type Environment, parseEnvironment, readConfiguration } from "./configuration.ts";
import { type StartSource, startDispatcher } from "./dispatcher.ts";

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
  const { CHANNELS_PATH: path } = environment;
  const configuration = await readConfiguration(environment);
  for (const warning of configuration.warnings) log.warn({ warning }, "configuration works, but");
  const { jetstream: naming } = configuration;
  const startFromFiles: StartSource = async (onChange) => {
    const file = new ChannelsFile({ path: path ?? "", naming, log, onChange });
    await file.start();
    return { source: file, fault: () => file.fault, stop: () => file.stop() };
  };
  const startFromCluster: StartSource = (onChange, onDecided) =>
    watchChannels({ environment, naming, log, onChange, onDecided });
  const steps = await startDispatcher({
    environment,
    configuration,
    log,
    startSource: path === undefined ? startFromCluster : startFromFiles,
  });
  runUntilSignal({ log, gracePeriodMs: () => configuration.dispatch.gracePeriodMs, steps });
}
