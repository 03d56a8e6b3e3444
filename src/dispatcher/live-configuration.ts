/*
 * The dispatcher's configuration while it runs: read at the start, where a fault ends the program, and again whenever the file changes.
 *
 * A newer file counts as a whole or not at all. It is not taken over while it
 *   - is not right, or is gone;
 *   - names another Secret or ConfigMap, which is not mounted here: in a cluster the controller makes Pods that have it;
 *   - changes what only a new start can change (NEW_START). In a cluster that makes new Pods too.
 * Until then the last one counts, and `fault` says why. Who works by the settings is told by main's onChange; nothing is applied here.
 */
import { namedIn } from "../api/login.ts";
import { SecretFolder } from "../nats/secrets.ts";
import { LastGood } from "../runtime/last-good.ts";
import type { Logger } from "../runtime/logger.ts";
import { watchPaths } from "../runtime/watch-paths.ts";
import {
  type Configuration,
  configurationPath,
  type Environment,
  readConfiguration,
} from "./configuration.ts";
import { whenSettled } from "./settled-file.ts";

/** What subjects and streams are called by, and what a Pod has from its beginning. */
const NEW_START: readonly [path: string, of: (configuration: Configuration) => unknown][] = [
  ["jetstream.domain", ({ jetstream }) => jetstream.domain],
  ["jetstream.subjectPrefix", ({ jetstream }) => jetstream.subjectPrefix],
  ["jetstream.streamPrefix", ({ jetstream }) => jetstream.streamPrefix],
  ["dispatch.gracePeriod", ({ dispatch }) => dispatch.gracePeriodMs],
];

/** The configuration of now; see the head of this file. */
export class LiveConfiguration {
  readonly #environment: Environment;
  readonly #log: Logger;
  readonly #secrets: SecretFolder;
  readonly #known: LastGood<Configuration>;
  #wasThere = false;
  #reading = Promise.resolve();
  #unwatch: () => void = () => undefined;

  /** Takes the configuration that `readConfiguration` gave at the start. */
  constructor(first: Configuration, options: { environment: Environment; log: Logger }) {
    const { environment, log } = options;
    this.#environment = environment;
    this.#log = log;
    const { SECRETS_PATH: root, POD_NAMESPACE: namespace } = environment;
    this.#secrets = new SecretFolder({ root, namespace });
    this.#known = new LastGood({ what: configurationPath(environment), initial: first, log });
    this.#warn();
  }

  /** What counts now. */
  get current(): Configuration {
    return this.#known.value;
  }

  /** Why the file as it is now does not count; undefined when it does. */
  get fault(): string | undefined {
    return this.#known.fault;
  }

  /** Reads the file again with each change from now on; `onChange` is told when another one counts. */
  follow(onChange: () => void): void {
    const { SECRETS_PATH, POD_NAMESPACE } = this.#environment;
    const paths = [configurationPath(this.#environment), `${SECRETS_PATH}/${POD_NAMESPACE}`];
    const read = () => {
      // One after the other, so that the newest one counts.
      this.#reading = this.#reading.then(() => this.#read(onChange));
    };
    this.#unwatch = watchPaths(paths, read);
    // It may have changed since the start.
    read();
  }

  stop(): void {
    this.#unwatch();
  }

  async #read(onChange: () => void): Promise<void> {
    const isOther = await this.#known.take(async () => {
      await this.#settled();
      const configuration = await readConfiguration(this.#environment);
      await this.#refuseHalf(configuration);
      return configuration;
    });
    if (!isOther) return;
    this.#log.info("configuration changed");
    this.#warn();
    onChange();
  }

  /** A file that never was there is every default; one that is gone is somebody's mistake, or about to come again. */
  async #settled(): Promise<void> {
    const path = configurationPath(this.#environment);
    const isThere = await whenSettled(path).then(
      () => true,
      () => false,
    );
    if (!isThere && this.#wasThere) throw new Error(`${path} is not there any more`);
    this.#wasThere = isThere;
  }

  /** Throws where the configuration could only be taken over in part. */
  async #refuseHalf(after: Configuration): Promise<void> {
    const before = this.current;
    const known = namedIn(before);
    const restart = NEW_START.filter(([, of]) => of(before) !== of(after)).map(([path]) => path);
    if (restart.length > 0) {
      throw new Error(
        `${restart.join(", ")}: counts from the next start of the dispatcher on, and so does all of the file until then`,
      );
    }
    const { secrets, configMaps } = namedIn(after);
    for (const name of secrets) {
      if (!known.secrets.includes(name)) await requireMounted("Secret", name, this.#secrets);
    }
    for (const name of configMaps) {
      if (known.configMaps.includes(name)) continue;
      await requireMounted("ConfigMap", name, this.#secrets.configMaps);
    }
  }

  #warn(): void {
    for (const warning of this.current.warnings) {
      this.#log.warn({ warning }, "configuration works, but");
    }
  }
}

async function requireMounted(kind: string, name: string, folder: SecretFolder): Promise<void> {
  if (await folder.isMounted(name)) return;
  throw new Error(
    `${kind} "${name}" is named and not mounted here: it counts in Pods that have it`,
  );
}
