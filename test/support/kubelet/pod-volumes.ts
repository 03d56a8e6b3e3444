import { createHash } from "node:crypto";
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { type VolumeContext, type VolumeFiles, volumeFiles } from "./volume-files.ts";
import { writeVolume } from "./volume-folder.ts";

/** Holds the volumes of a Pod as folders of this machine. */
export interface PodVolumes {
  /** Writes what has changed since the last time; the first time, everything. Rejects while something is missing. */
  write(pod: V1Pod): Promise<void>;
  /**
   * Says where a path of a container is on this machine: texts that begin with a mountPath change, and folders that have
   * mounts below them; others stay.
   */
  onThisMachine(container: V1Container, text: string): string;
  /** Makes the folders that have a container's mounts below them. */
  link(container: V1Container): Promise<void>;
}

/** Keeps the volumes of a Pod below a folder. */
export function createPodVolumes(root: string, context: Omit<VolumeContext, "pod">): PodVolumes {
  const written = new Map<string, string>();
  const folderOf = (volume: string) => join(root, "volumes", volume);
  const mountsOf = ({ name }: V1Container) => join(root, "mounts", name);
  return {
    async write(pod) {
      for (const volume of pod.spec?.volumes ?? []) {
        const files = await volumeFiles(volume, { ...context, pod });
        const folder = folderOf(volume.name);
        const digest = digestOf(files);
        if (written.get(volume.name) === digest) continue;
        await mkdir(folder, { recursive: true });
        if (files !== undefined) await writeVolume(folder, files);
        written.set(volume.name, digest);
      }
    },
    onThisMachine(container, text) {
      const { volumeMounts = [] } = container;
      const mounts = volumeMounts.toSorted((a, b) => b.mountPath.length - a.mountPath.length);
      for (const { mountPath, name } of mounts) {
        const path = mountPath.replace(/\/$/, "");
        if (text === path || text.startsWith(`${path}/`)) {
          return folderOf(name) + text.slice(path.length);
        }
      }
      const isAbove = volumeMounts.some(({ mountPath }) => mountPath.startsWith(`${text}/`));
      return isAbove && text.startsWith("/") ? join(mountsOf(container), text) : text;
    },
    async link(container) {
      for (const { mountPath, name } of container.volumeMounts ?? []) {
        const link = join(mountsOf(container), mountPath);
        await mkdir(dirname(link), { recursive: true });
        await symlink(folderOf(name), link).catch((error: NodeJS.ErrnoException) => {
          // The container was started before.
          if (error.code !== "EEXIST") throw error;
        });
      }
    },
  };
}

function digestOf(files: VolumeFiles | undefined): string {
  const hash = createHash("sha256");
  for (const [path, { content, mode }] of files ?? []) {
    hash.update(`${path}\0${mode}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
