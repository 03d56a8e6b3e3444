import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const kube = join(import.meta.dirname, "../../../src/kube");

it("client-node is not loaded by a program in a cluster", () => {
  const files = readdirSync(kube).map((name) => join(kube, name));
  const script = `
    import { registerHooks } from "node:module";
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier.startsWith("@kubernetes/")) throw new Error(specifier + " is loaded");
        return next(specifier, context);
      },
    });
    for (const file of ${JSON.stringify(files)}) await import(file);
    const { findAccess } = await import(${JSON.stringify(join(kube, "access.ts"))});
    const { server } = await findAccess({ serviceHost: "fd00::1", servicePort: "443", home: "/nowhere" });
    process.stdout.write(server);
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script]);
  expect(stderr.toString()).toBe("");
  expect(stdout.toString()).toBe("https://[fd00::1]:443");
});
