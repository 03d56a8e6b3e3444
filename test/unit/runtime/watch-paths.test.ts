import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { watchPaths } from "../../../src/runtime/watch-paths.ts";
import { eventually } from "../../support/eventually.ts";

let root: string;
let reports: number;
let end: () => void;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "watch-paths-"));
  reports = 0;
  end = () => undefined;
});

afterEach(async () => {
  end();
  await rm(root, { recursive: true, force: true });
});

function watchIt(...names: string[]): void {
  end = watchPaths(
    names.map((name) => join(root, name)),
    () => reports++,
  );
}

async function write(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true });
  await writeFile(join(root, name), text);
}

/** Runs a change and waits until it was reported. */
async function reported(what: string, change: () => Promise<unknown>): Promise<void> {
  const before = reports;
  await change();
  await eventually(() => reports > before, { within: 5_000, what: `${what} to be reported` });
}

it("reports what happens to a file: written, replaced, removed, made again", async () => {
  await write("a/file", "1");
  watchIt("a/file");
  await reported("a write in place", () => write("a/file", "2"));
  await write("a/other", "3");
  await reported("a rename over it", () => rename(join(root, "a/other"), join(root, "a/file")));
  await reported("its removal", () => rm(join(root, "a/file")));
  await reported("its return", () => write("a/file", "4"));
});

it("reports what happens in a folder, to each of its files", async () => {
  await write("a/one", "1");
  watchIt("a");
  await reported("a write in place", () => write("a/one", "2"));
  await reported("a new file", () => write("a/two", "1"));
  await reported("a write to the new file", () => write("a/two", "2"));
  await reported("a removal", () => rm(join(root, "a/one")));
});

it("reports a folder that comes later, goes, and comes again, with all above it", async () => {
  watchIt("a/b/c");
  await reported("the coming", () => write("a/b/c/file", "1"));
  await reported("a write", () => write("a/b/c/file", "2"));
  await reported("the going", () => rm(join(root, "a"), { recursive: true }));
  await reported("the return", () => write("a/b/c/file", "3"));
  await reported("a write to what is new", () => write("a/b/c/file", "4"));
});

it("reports a folder above that is exchanged for another one", async () => {
  await write("now/b/file", "1");
  await write("next/b/file", "2");
  watchIt("now/b");
  await rename(join(root, "now"), join(root, "before"));
  await reported("the exchange", () => rename(join(root, "next"), join(root, "now")));
  await reported("a write to the other one", () => write("now/b/file", "3"));
});

it("reports the swap of a link on the way, at its end and in the folder", async () => {
  await write("versions/1/b/file", "1");
  await write("versions/2/b/file", "2");
  await symlink("versions/1", join(root, "current"));
  await write("folder/file", "1");
  await symlink("../current/b/file", join(root, "folder/link"));
  watchIt("current/b", "folder");
  const swapTo = async (version: string) => {
    await symlink(`versions/${version}`, join(root, "new"));
    await rename(join(root, "new"), join(root, "current"));
  };
  await reported("the swap", () => swapTo("2"));
  await reported("a write behind the link", () => write("versions/2/b/file", "3"));
  await reported("a swap back", () => swapTo("1"));
});

it("reports only what concerns its paths", async () => {
  await write("a/file", "1");
  await write("b/file", "1");
  watchIt("a/file");
  // When the neighbour's watch has reported, ours would have.
  let neighbours = 0;
  const endNeighbours = watchPaths([join(root, "a/other"), join(root, "b")], () => neighbours++);
  try {
    await write("a/other", "1");
    await write("b/file", "2");
    await eventually(() => neighbours > 0, { within: 5_000, what: "the neighbour's report" });
    expect(reports).toBe(0);
  } finally {
    endNeighbours();
  }
});

it("reports many changes at once as few", async () => {
  watchIt("a");
  await reported("a hundred writes", async () => {
    for (let index = 0; index < 100; index++) await write("a/file", `${index}`);
  });
  expect(reports).toBeLessThan(20);
});

it("stands links that lead in a circle", async () => {
  await symlink("two", join(root, "one"));
  await symlink("one", join(root, "two"));
  watchIt("one/file");
  await reported("the circle's end", async () => {
    await rm(join(root, "one"));
    await write("one/file", "1");
  });
});

it("reports nothing after its end, not even what was about to be reported", async () => {
  await write("a/file", "1");
  watchIt("a");
  const endFirst = end;
  let seconds = 0;
  end = watchPaths([join(root, "a")], () => {
    seconds++;
  });
  await write("a/file", "2");
  endFirst();
  await eventually(() => seconds > 0, { within: 5_000, what: "the other watch's report" });
  expect(reports).toBe(0);
});
