import { type KubeObject, keyOf, versionOf } from "../kube/resource.ts";

/**
 * Remembers objects as they were after our own writes until the watch has brought them, so that nothing is written twice because the copy was a
 * moment behind.
 */
export class NewestVersions<T extends KubeObject> {
  readonly #written = new Map<string, T>();

  /** Takes what the API server gave back for a write. */
  take(object: T): void {
    this.#written.set(keyOf(object), object);
  }

  /** Gives the newer one of an object and what was written of it. */
  of(object: T | undefined): T | undefined {
    if (object === undefined) return undefined;
    const key = keyOf(object);
    const written = this.#written.get(key);
    if (written?.metadata?.uid === object.metadata?.uid && versionOf(written) > versionOf(object)) {
      return written;
    }
    this.#written.delete(key);
    return object;
  }

  forget(key: string): void {
    this.#written.delete(key);
  }
}
