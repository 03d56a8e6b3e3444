import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DefaultsFile } from "../../../src/controller/defaults-file.ts";
import { createLogger } from "../../../src/runtime/logger.ts";

const log = createLogger({ name: "test", level: "silent" });

it.each([
  ["there without the key", ["..data", "other-key"], "the key is missing, there is only other-key"],
  ["not there", ["..data"], undefined],
])("a mounted ConfigMap of dispatchers' defaults that is %s", async (_, entries, fault) => {
  const folder = await mkdtemp(join(tmpdir(), "defaults-"));
  for (const name of entries) {
    if (name === "..data") await mkdir(join(folder, name));
    else await writeFile(join(folder, name), "");
  }
  const file = new DefaultsFile({ path: join(folder, "jetstream-dispatcher-config"), log });
  await file.start(() => undefined);
  file.stop();
  await rm(folder, { recursive: true });
  expect(file.fault).toBe(fault);
  expect(file.defaults !== undefined).toBe(fault === undefined);
});
