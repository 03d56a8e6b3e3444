import type { ServedChannel } from "./served-channel.ts";

const ASK_EVERY_MS = 15_000;
const ASK_AT_MOST = 20;
/** A scrape does not wait longer than this for servers that do not answer. */
const ANSWER_WITHIN_MS = 1_000;

/**
 * Keeps fresh how many messages wait for subscribers. Every delivery tells it; the server is asked only where
 * none can or did (`isPendingDoubtful`), for twenty of those in a quarter of a minute at the most, in turn. To
 * be called for each scrape.
 */
export class Backlog {
  readonly #served: ReadonlyMap<string, ServedChannel>;
  #askedAt = -Infinity;
  #turn = 0;

  constructor(served: ReadonlyMap<string, ServedChannel>) {
    this.#served = served;
  }

  async ask(): Promise<void> {
    const now = performance.now();
    if (now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    const doubtful = [...this.#served.values()].flatMap(({ subscribers }) =>
      [...subscribers.values()].filter(({ subscription }) => subscription.isPendingDoubtful()),
    );
    if (doubtful.length === 0) return;
    this.#turn %= doubtful.length;
    const next = [...doubtful.slice(this.#turn), ...doubtful.slice(0, this.#turn)].slice(
      0,
      ASK_AT_MOST,
    );
    this.#turn += next.length;
    // What is not known anew stays as it was last heard.
    const asked = next.map(({ subscription }) => subscription.askPending().catch(() => undefined));
    await within(ANSWER_WITHIN_MS, Promise.all(asked));
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
