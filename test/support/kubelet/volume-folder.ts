/**
 * Writes the files of a volume into a folder as a kubelet does: into a folder of their own, to which the link `..data` is
 * moved at once, with a link through it for each file. So a reader sees all of a change or nothing of it.
 */
import { randomUUID } from "node:crypto";
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { VolumeFiles } from "./volume-files.ts";

const dataLink = "..data";

/** Replaces the files of a volume, in one step for whoever reads them. */
export async function writeVolume(folder: string, files: VolumeFiles): Promise<void> {
  const version = `..${randomUUID()}`;
  await mkdir(join(folder, version), { recursive: true });
  for (const [path, { content, mode }] of files) {
    const file = join(folder, version, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    // Not as the mode of a new file, which the umask would narrow.
    await chmod(file, mode);
  }
  const before = await readlink(join(folder, dataLink)).catch(() => undefined);
  await symlink(version, join(folder, `${dataLink}_tmp`));
  await rename(join(folder, `${dataLink}_tmp`), join(folder, dataLink));
  await writeLinks(folder, files);
  if (before !== undefined) {
    await rm(join(folder, before), { recursive: true, force: true });
  }
}

async function writeLinks(folder: string, files: VolumeFiles): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split("/")[0] ?? path));
  for (const name of wanted) {
    const link = join(folder, name);
    const exists = await lstat(link).then(
      () => true,
      () => false,
    );
    if (!exists) {
      await symlink(join(dataLink, name), link);
    }
  }
  for (const name of await readdir(folder)) {
    if (!name.startsWith("..") && !wanted.has(name)) {
      await rm(join(folder, name));
    }
  }
}
