import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { type KubeObject, keyOf } from "./resource.ts";

/** Is told of a change: nothing before means it is new, nothing after that it is gone. */
export type ChangeHandler<T extends KubeObject> = (
  before: T | undefined,
  after: T | undefined,
) => void;

/** Is what a reflector knows, for those who only read it. Objects are shared: nobody changes them. */
export interface Store<T extends KubeObject> {
  /** Gives an object by `namespace/name`, or by `name` if it is cluster-scoped. */
  get(key: string): T | undefined;
  /** Gives every object. */
  values(): IterableIterator<T>;
  keys(): IterableIterator<string>;
  readonly size: number;
}

/**
 * Keeps the objects of a list and a watch, and tells handlers what changed. An object that was deleted
 * and made anew meanwhile (another uid under the same name) is told as gone and then as new.
 */
export class WatchedStore<T extends KubeObject> implements Store<T> {
  readonly #objects = new Map<string, T>();
  readonly #handlers: ChangeHandler<T>[] = [];
  readonly #log: Logger;

  constructor(deps: { log: Logger }) {
    this.#log = deps.log;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  /** Adds a handler, and tells it at once of what is known already. */
  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
    for (const object of this.#objects.values()) this.#tellOne(handler, undefined, object);
  }

  /** Takes an object as it is now. */
  put(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before === undefined) {
      this.#objects.set(key, object);
      this.#tell(undefined, object);
    } else if (before.metadata?.uid !== object.metadata?.uid) {
      this.#remove(key, before);
      this.#objects.set(key, object);
      this.#tell(undefined, object);
    } else if (before.metadata?.resourceVersion !== object.metadata?.resourceVersion) {
      this.#objects.set(key, object);
      this.#tell(before, object);
    }
  }

  /** Takes away an object; its last state is what the watch said of it. */
  remove(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    const isTheSame = before?.metadata?.uid === object.metadata?.uid;
    if (before !== undefined && isTheSame) this.#remove(key, object);
  }

  /** Takes a whole list: what is not in it is gone. */
  replace(objects: readonly T[]): void {
    const listed = new Set(objects.map(keyOf));
    for (const [key, object] of this.#objects) if (!listed.has(key)) this.#remove(key, object);
    for (const object of objects) this.put(object);
  }

  #remove(key: string, last: T): void {
    this.#objects.delete(key);
    this.#tell(last, undefined);
  }

  #tell(before: T | undefined, after: T | undefined): void {
    for (const handler of this.#handlers) this.#tellOne(handler, before, after);
  }

  #tellOne(handler: ChangeHandler<T>, before: T | undefined, after: T | undefined): void {
    try {
      handler(before, after);
    } catch (error) {
      const object = keyOf((after ?? before) as T);
      this.#log.error({ object, error: errorMessage(error) }, "a handler of changes failed");
    }
  }
}
