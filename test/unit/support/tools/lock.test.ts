import { spawnSync } from "node:child_process";
import { access, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { withLock } from "../../../support/tools/lock.ts";

let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
  lock = join(folder, "build.lock");
});

afterEach(() => rm(folder, { recursive: true }));

function pidOfEndedProcess(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

it("runs one at a time and tells who waits whose turn it is", async () => {
  const order: string[] = [];
  const waitedFor: number[] = [];
  let finishFirst = () => {};
  const firstMayFinish = new Promise<void>((resolve) => {
    finishFirst = resolve;
  });
  let firstHasIt = () => {};
  const firstStarted = new Promise<void>((resolve) => {
    firstHasIt = resolve;
  });

  const first = withLock(lock, async () => {
    firstHasIt();
    await firstMayFinish;
    order.push("first");
  });
  await firstStarted;
  const second = withLock(
    lock,
    async () => {
      order.push("second");
    },
    (owner) => {
      waitedFor.push(owner);
      finishFirst();
    },
  );
  await Promise.all([first, second]);

  expect(order).toEqual(["first", "second"]);
  expect(waitedFor).toEqual([process.pid]);
});

it("is free again after a failure", async () => {
  await expect(withLock(lock, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await withLock(lock, async () => "done")).toBe("done");
  await expect(access(lock)).rejects.toThrow("ENOENT");
});

it.each([
  ["of a process that has ended", () => String(pidOfEndedProcess())],
  ["that holds no pid", () => "nonsense"],
  ["that is empty", () => ""],
])("takes over a lock %s", async (_, content) => {
  await writeFile(lock, content());
  expect(await withLock(lock, async () => "done")).toBe("done");
});

it("takes over a lock that its owner has not touched for long", async () => {
  await writeFile(lock, String(process.pid));
  const longAgo = new Date(Date.now() - 120_000);
  await utimes(lock, longAgo, longAgo);
  expect(await withLock(lock, async () => "done")).toBe("done");
});
