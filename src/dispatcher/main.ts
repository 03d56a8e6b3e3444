/*
 * The dispatcher program: environment → configuration → source of channels → dispatcher → signals.
 */
import { errorMessage } from "../runtime/errors.ts";
import { runUntilSignal } from "../runtime/lifecycle.ts";
import { createLogger, exitWith, isLogLevel, type Logger } from "../runtime/logger.ts";
import { ChannelsFile } from "./channels-file.ts";
import { type Environment, parseEnvironment, readConfiguration } from "./configuration.ts";
import { startDispatcher } from "./dispatcher.ts";

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
  if (path === undefined) {
    throw new Error(
      "CHANNELS_PATH must name a YAML file, or a folder of them, with NatsJetStreamChannel objects",
    );
  }
  const configuration = await readConfiguration(environment);
  for (const warning of configuration.warnings) log.warn({ warning }, "configuration works, but");
  const steps = await startDispatcher({
    environment,
    configuration,
    log,
    defaultDeletionPolicy: "Retain",
    async startSource(onChange) {
      const { jetstream: naming } = configuration;
      const file = new ChannelsFile({ path, naming, log, onChange });
      await file.start();
      return { source: file, fault: () => file.fault, stop: () => file.stop() };
    },
  });
  runUntilSignal({ log, gracePeriodMs: () => configuration.dispatch.gracePeriodMs, steps });
}
