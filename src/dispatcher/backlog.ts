import type { ServedChannel } from "./served-channel.ts";

const ASK_EVERY_MS = 15_000;
const ASK_AT_MOST = 20;
/** A scrape does not wait longer than this for servers that do not answer. */
const ANSWER_WITHIN_MS = 1_000;

/**
 * Keeps the pending messages of subscribers fresh. Every delivery tells how many are left, and a subscriber
 * that waits with free slots has none; only where all slots are taken the server is asked, for twenty of
 * those in a quarter of a minute at the most, in turn. To be called for each scrape.
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
    const busy = [...this.#served.values()].flatMap(({ subscribers }) =>
      [...subscribers.values()].filter(({ subscription }) => subscription.isFull),
    );
    if (busy.length === 0) return;
    this.#turn %= busy.length;
    const next = [...busy.slice(this.#turn), ...busy.slice(0, this.#turn)].slice(0, ASK_AT_MOST);
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
