import type { NatsClient } from "../nats/client.ts";
import type { JetStreamAccountStats } from "../nats/jetstream.ts";
import type { Metrics } from "../runtime/metrics.ts";

const ASK_EVERY_MS = 15_000;
/** A scrape does not wait longer than this for an account that does not answer. */
const ANSWER_WITHIN_MS = 1_000;

/**
 * Keeps the gauges of what accounts use of JetStream and may use, for each login. To be called for each
 * scrape; asks the server at most every fifteen seconds, and leaves out what it does not know.
 */
export class AccountUsage {
  readonly #metrics: Metrics;
  #askedAt = -Infinity;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  async observe(
    logins: readonly { name: string; client: Pick<NatsClient, "jetstream"> }[],
  ): Promise<void> {
    const now = performance.now();
    if (now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    const answers = logins.map(async ({ name: login, client }) => ({
      login,
      info: await accountOf(client),
    }));
    const known = await Promise.all(answers);
    for (const gauge of Object.values(this.#metrics.account)) gauge.reset();
    for (const { login, info } of known) if (info !== undefined) this.#set(login, info);
  }

  #set(login: string, info: JetStreamAccountStats): void {
    const { account } = this.#metrics;
    // Where an account has limits for each number of replicas, those count, and the whole has none.
    for (const [tier, usage] of Object.entries(info.tiers ?? { all: info })) {
      if (usage === undefined) continue;
      const { limits } = usage;
      const labels = { login, tier };
      const file = { ...labels, storage: "file" };
      const memory = { ...labels, storage: "memory" };
      account.used.set(file, usage.storage);
      account.used.set(memory, usage.memory);
      account.reserved.set(file, usage.reserved_storage ?? 0);
      account.reserved.set(memory, usage.reserved_memory ?? 0);
      account.limit.set(file, limitOf(limits.max_storage));
      account.limit.set(memory, limitOf(limits.max_memory));
      account.streams.set(labels, usage.streams);
      account.streamLimit.set(labels, limitOf(limits.max_streams));
      account.consumers.set(labels, usage.consumers);
      account.consumerLimit.set(labels, limitOf(limits.max_consumers));
    }
  }
}

/** What is used of what has no limit is 0 of it. */
function limitOf(limit: number): number {
  return limit < 0 ? Infinity : limit;
}

async function accountOf(
  client: Pick<NatsClient, "jetstream">,
): Promise<JetStreamAccountStats | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS);
  });
  const answer = client
    .jetstream()
    .then((jsm) => jsm.getAccountInfo())
    // Whether there is a connection is told by a gauge of its own.
    .catch(() => undefined);
  return await Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
}
