import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../runtime/errors.ts";
import { watchPaths } from "../runtime/watch-paths.ts";

/** What no Kubernetes name begins with, so that a Secret and a ConfigMap may have the same name. */
const CONFIG_MAP_PREFIX = "configmap_";

type Kind = "Secret" | "ConfigMap";

/** Says where Secrets are and whose: `root` is SECRETS_PATH, `namespace` the one of who uses them. */
export interface SecretPlace {
  root: string;
  namespace: string;
}

/**
 * The Secrets of one namespace as files, `<root>/<namespace>/<name>/<key>`, and the ConfigMaps
 * beside them, `<root>/<namespace>/configmap_<name>/<key>`. Nothing is kept: each read is of the
 * file as it is.
 */
export class SecretFolder {
  readonly #place: SecretPlace;
  readonly #kind: Kind;

  constructor(place: SecretPlace, kind: Kind = "Secret") {
    this.#place = place;
    this.#kind = kind;
  }

  /** The ConfigMaps of the same namespace. */
  get configMaps(): SecretFolder {
    return new SecretFolder(this.#place, "ConfigMap");
  }

  /** Tells whether a Secret has a folder here; one that is mounted has, also when the Secret itself is missing. */
  async isMounted(name: string): Promise<boolean> {
    const found = await stat(this.#folderOf(name)).catch(() => undefined);
    return found?.isDirectory() === true;
  }

  /** Reads one value. Throws an error that names Secret, key and file, and never shows content. */
  async read(name: string, key: string): Promise<Buffer> {
    const value = await this.readIfThere(name, key);
    if (value !== undefined) return value;
    throw new Error(`${this.describe(name, key)} is not there (no file ${this.#shown(name, key)})`);
  }

  /** Reads one value that may be missing. Throws like `read` when it is there and cannot be read. */
  async readIfThere(name: string, key: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.#folderOf(name), key));
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw new Error(
        `${this.describe(name, key)} cannot be read (file ${this.#shown(name, key)})`,
        { cause: error },
      );
    }
  }

  /**
   * Calls `onChange` soon after files of these Secrets may have changed: written in place, renamed,
   * swapped by a kubelet, added or removed, also when the folder comes later. Ends it when called.
   */
  watch(names: readonly string[], onChange: () => void): () => void {
    return watchPaths(
      names.map((name) => this.#folderOf(name)),
      onChange,
    );
  }

  /** Names a value as the sentences of errors do: `key "token" of Secret "nats-login"`. */
  describe(name: string, key: string): string {
    return `key "${key}" of ${this.#kind} "${name}"`;
  }

  #folderOf(name: string): string {
    return join(this.#place.root, this.#place.namespace, this.#folderName(name));
  }

  #folderName(name: string): string {
    return this.#kind === "Secret" ? name : `${CONFIG_MAP_PREFIX}${name}`;
  }

  #shown(name: string, key: string): string {
    return `…/${this.#place.namespace}/${this.#folderName(name)}/${key}`;
  }
}
