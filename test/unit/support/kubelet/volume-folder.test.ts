import { mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { VolumeFiles } from "../../../support/kubelet/volume-files.ts";
import { writeVolume } from "../../../support/kubelet/volume-folder.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "volume-"));
});

afterEach(() => rm(folder, { recursive: true }));

function files(contents: Record<string, string>, mode = 0o644): VolumeFiles {
  const entries = Object.entries(contents);
  return new Map(entries.map(([path, text]) => [path, { content: Buffer.from(text), mode }]));
}

it("writes files with their modes, in folders too", async () => {
  await writeVolume(folder, files({ "a.yaml": "one", "deep/b": "two" }, 0o440));
  expect(await readFile(join(folder, "a.yaml"), "utf8")).toBe("one");
  expect(await readFile(join(folder, "deep/b"), "utf8")).toBe("two");
  expect((await stat(join(folder, "a.yaml"))).mode & 0o777).toBe(0o440);
});

it("reaches every file through one link, so that a change is seen whole", async () => {
  await writeVolume(folder, files({ a: "one", b: "one" }));
  const before = await readlink(join(folder, "..data"));
  await writeVolume(folder, files({ a: "two", c: "two" }));
  expect(await readlink(join(folder, "a"))).toBe("..data/a");
  expect(await readFile(join(folder, "a"), "utf8")).toBe("two");
  const now = await readlink(join(folder, "..data"));
  expect(now).not.toBe(before);
  expect((await readdir(folder)).toSorted()).toEqual([now, "..data", "a", "c"].toSorted());
});
