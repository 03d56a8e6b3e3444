import type { Reflector } from "../kube/reflector.ts";
import type { KubeObject } from "../kube/resource.ts";

/** Is a reflector that was started because somebody asked for its objects. */
export interface Lazy<T extends KubeObject> {
  reflector: Reflector<T>;
  hasSynced(): boolean;
}

const FIND_MS = 30_000;

/** Starts reflectors when their objects are asked for the first time, and keeps them until they are dropped: one for each key. */
export class LazyReflectors<T extends KubeObject> {
  readonly #make: (key: string) => Reflector<T>;
  readonly #known = new Map<string, Lazy<T>>();

  constructor(make: (key: string) => Reflector<T>) {
    this.#make = make;
  }

  /** Gives the reflector of a key, which may not have synced yet. */
  get(key: string): Lazy<T> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const reflector = this.#make(key);
    let isSynced = false;
    void reflector.hasSynced().then(() => {
      isSynced = true;
    });
    const lazy = { reflector, hasSynced: () => isSynced };
    this.#known.set(key, lazy);
    reflector.start();
    return lazy;
  }

  /** Gives an object as soon as it is known whether it is there; the signal ends the wait, and so does time, with why it is not known. */
  async find(key: string, objectKey: string, signal: AbortSignal): Promise<T | undefined> {
    const { reflector, hasSynced } = this.get(key);
    if (!hasSynced()) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(FIND_MS)]);
      await untilAborted(reflector.hasSynced(), bounded).catch((error: unknown) => {
        throw reflector.failure() ?? error;
      });
    }
    return reflector.store.get(objectKey);
  }

  /** Ends the reflector of a key, which nobody asks for any more. */
  async drop(key: string): Promise<void> {
    const known = this.#known.get(key);
    this.#known.delete(key);
    await known?.reflector.stop();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#known.values()].map(({ reflector }) => reflector.stop()));
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<void>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
