/** Keeps Secrets and ConfigMaps as the folders of files that a dispatcher looks for, in a temporary folder. */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Says what a Secret has: its values by their keys. */
export type Values = Readonly<Record<string, string | Buffer>>;

/** Holds the folder that SECRETS_PATH names. */
export interface SecretFiles {
  readonly root: string;
  /**
   * Gives the folder of a Secret (or of `configmap_<name>`), which need not be there: `<namespace>/<name>`, or a
   * name alone in the namespace `default`. So are the names below.
   */
  folderOf(name: string): string;
  /** Writes the values in place, into a plain folder that is made when it is not there. */
  put(name: string, values: Values): Promise<void>;
  /** Writes the values as a kubelet does: into a folder of their own, to which the link `..data` is moved at once. */
  mount(name: string, values: Values): Promise<void>;
  remove(): Promise<void>;
}

/** Makes an empty folder for Secrets. */
export async function makeSecretFiles(): Promise<SecretFiles> {
  const root = await mkdtemp(join(tmpdir(), "secrets-"));
  const folderOf = (name: string) => join(root, name.includes("/") ? name : `default/${name}`);
  let mounts = 0;
  return {
    root,
    folderOf,
    async put(name, values) {
      await mkdir(folderOf(name), { recursive: true });
      await writeAll(folderOf(name), values);
    },
    async mount(name, values) {
      const folder = folderOf(name);
      const version = `..version_${++mounts}`;
      await mkdir(join(folder, version), { recursive: true });
      await writeAll(join(folder, version), values);
      await symlink(version, join(folder, "..data_tmp"));
      await rename(join(folder, "..data_tmp"), join(folder, "..data"));
      for (const key of Object.keys(values)) {
        await symlink(join("..data", key), join(folder, key)).catch(ignoreExisting);
      }
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

async function writeAll(folder: string, values: Values): Promise<void> {
  for (const [key, value] of Object.entries(values)) await writeFile(join(folder, key), value);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
