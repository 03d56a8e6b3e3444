import { mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { whenSettled } from "../../../src/dispatcher/settled-file.ts";

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-watch-"));
  path = join(folder, "file");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a file", () => {
  it("that was written to a moment ago is waited for", async () => {
    await writeFile(path, "half");
    await whenSettled(path);
    expect(Date.now() - (await stat(path)).mtimeMs).toBeGreaterThanOrEqual(50);
  });

  it("that is written to meanwhile is waited for again", async () => {
    await writeFile(path, "half");
    const settled = whenSettled(path);
    await writeFile(path, "whole");
    await settled;
    expect(Date.now() - (await stat(path)).mtimeMs).toBeGreaterThanOrEqual(50);
  });

  it.each([
    ["that nobody has written to for long", -60_000],
    ["of the future", 60_000],
  ])("%s is not waited for", async (_what, offsetMs) => {
    await writeFile(path, "whole");
    const at = new Date(Date.now() + offsetMs);
    await utimes(path, at, at);
    const startedAt = performance.now();
    await whenSettled(path);
    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  it("that is not there is an error", async () => {
    await expect(whenSettled(join(folder, "none"))).rejects.toThrow("ENOENT");
  });
});
