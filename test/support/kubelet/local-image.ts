import type { V1Container } from "@kubernetes/client-node";
import { NotStartable } from "./not-startable.ts";

/** Stands for an image: the command on this machine that does what the image's own would. */
export interface LocalImage {
  /** ENTRYPOINT, with the path of a program of this machine. */
  entrypoint: readonly string[];
  /** CMD. */
  cmd?: readonly string[];
  /** ENV. */
  env?: Readonly<Record<string, string>>;
}

/** Lists the images that can be run, by the names that manifests give them. */
export type LocalImages = Readonly<Record<string, LocalImage>>;

/** Finds what stands for a container's image. */
export function localImage(images: LocalImages, { image = "" }: V1Container): LocalImage {
  const found = images[image];
  if (found === undefined) {
    const known = Object.keys(images).join(", ");
    throw new NotStartable("ErrImagePull", `no command stands for ${image}, only for: ${known}`);
  }
  return found;
}

/** Puts a container's command line together: `command` replaces ENTRYPOINT and CMD, `args` replaces CMD. */
export function commandLine(image: LocalImage, { command, args }: V1Container): string[] {
  if (command !== undefined) {
    return [...command, ...(args ?? [])];
  }
  return [...image.entrypoint, ...(args ?? image.cmd ?? [])];
}
