import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { goArchitecture, goSystem } from "../../../support/tools/build-tools.ts";
import { locateTools } from "../../../support/tools/find-tool.ts";
import { toolTable } from "../../../support/tools/tool-table.ts";

const { version } = toolTable["nats-server"];
let folder: string;
let told: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "find-tool-"));
  told = [];
});

afterEach(() => rm(folder, { recursive: true }));

async function locate(env: NodeJS.ProcessEnv): Promise<string> {
  const paths = await locateTools(["nats-server"], { env, tell: (line) => told.push(line) });
  return paths["nats-server"];
}

async function program(path: string, script: string): Promise<string> {
  const absolute = join(folder, path);
  await mkdir(dirname(absolute), { recursive: true });
  await writeFile(absolute, `#!/bin/sh\n${script}\n`);
  await chmod(absolute, 0o755);
  return absolute;
}

const cached = `cache/jetstream-channel/tools/nats-server-${version}-${goSystem()}-${goArchitecture()}`;

describe("the environment variable", () => {
  it("wins over the PATH", async () => {
    const given = await program("given/server", "echo nats-server: v2.10.0");
    await program("bin/nats-server", "echo nats-server: v2.99.0");
    expect(await locate({ NATS_SERVER: given, PATH: join(folder, "bin") })).toBe(given);
  });

  it.each([
    ["is too old", "echo nats-server: v2.9.9", "it is version 2.9.9, and 2.10 is the oldest"],
    ["tells no version", "echo hello", "it does not tell its version with --version"],
    ["is another one", "echo coreutils 9.1", "it does not tell its version with --version"],
  ])("is refused when the program %s", async (_, script, reason) => {
    const given = await program("given/server", script);
    await expect(locate({ NATS_SERVER: given })).rejects.toThrow(
      `NATS_SERVER=${given} cannot be used: ${reason}`,
    );
  });

  it("is refused when there is no such program", async () => {
    const given = join(folder, "absent");
    await expect(locate({ NATS_SERVER: given })).rejects.toThrow(
      `NATS_SERVER=${given} cannot be used: there is no program at this path`,
    );
  });
});

describe("a folder with several tools", () => {
  const kubernetes = "echo Kubernetes v1.34.2";

  function locateBoth(env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
    const options = { env, tell: (line: string) => told.push(line) };
    return locateTools(["kube-apiserver", "kube-controller-manager"], options);
  }

  it("wins over the PATH for what it has, and the rest is looked for elsewhere", async () => {
    const given = await program("assets/kube-apiserver", kubernetes);
    await program("bin/kube-apiserver", kubernetes);
    const other = await program("bin/kube-controller-manager", kubernetes);
    const assets = dirname(given);
    expect(await locateBoth({ KUBEBUILDER_ASSETS: assets, PATH: dirname(other) })).toEqual({
      "kube-apiserver": given,
      "kube-controller-manager": other,
    });
    expect(told).toEqual([
      `KUBEBUILDER_ASSETS=${assets} has no kube-controller-manager, which is looked for elsewhere`,
    ]);
  });

  it.each([
    ["has one that is too old", "assets", "it is version 1.33.1, and 1.34 is the oldest"],
    ["is not there", "nowhere", "there is no program at this path"],
  ])("is refused when it %s", async (_, name, reason) => {
    await program("assets/kube-apiserver", "echo Kubernetes v1.33.1");
    const assets = join(folder, name);
    await expect(locateBoth({ KUBEBUILDER_ASSETS: assets })).rejects.toThrow(
      `KUBEBUILDER_ASSETS=${assets} cannot be used for kube-apiserver: ${reason}`,
    );
  });
});

describe("the PATH", () => {
  it("gives the first program that is new enough, and names what is passed over", async () => {
    const old = await program("a/nats-server", "echo nats-server: v2.6.1");
    const good = await program("b/nats-server", "echo nats-server: v2.10.4");
    const path = `${dirname(old)}:${join(folder, "nowhere")}:${dirname(good)}`;
    expect(await locate({ PATH: path })).toBe(good);
    expect(told).toEqual([`${old} is passed over: it is version 2.6.1, and 2.10 is the oldest`]);
  });
});

describe("the cache", () => {
  it("gives the program that was built before", async () => {
    const built = await program(`${cached}/nats-server`, `echo nats-server: v${version}`);
    expect(await locate({ XDG_CACHE_HOME: join(folder, "cache"), PATH: "" })).toBe(built);
    expect(told).toEqual([]);
  });

  it("is below .cache in the home folder when XDG_CACHE_HOME is not set", async () => {
    const built = await program(`.${cached}/nats-server`, `echo nats-server: v${version}`);
    expect(await locate({ HOME: folder, PATH: "" })).toBe(built);
  });
});

describe("the build", () => {
  const env = () => ({
    XDG_CACHE_HOME: join(folder, "cache"),
    PATH: `${join(folder, "bin")}:/bin`,
  });

  it("says what to do when there is no Go", async () => {
    const withoutGo = { XDG_CACHE_HOME: join(folder, "cache"), PATH: join(folder, "bin") };
    await expect(locate(withoutGo)).rejects.toThrow(
      /no Go on the PATH: install Go .* or set NATS_SERVER to the path/,
    );
  });

  it("puts what Go has built into the cache and removes the rest", async () => {
    const script = [
      'if [ "$1" = version ]; then echo go version go1.26.8; exit; fi',
      'while [ "$1" != -o ]; do shift; done',
      'mkdir -p "$GOCACHE" "$GOMODCACHE"',
      `printf '#!/bin/sh\\necho nats-server: v${version}\\n' > "$2"`,
      'chmod 755 "$2"',
    ];
    await program("bin/go", script.join("\n"));
    expect(await locate(env())).toBe(join(folder, cached, "nats-server"));
    expect(told).toEqual([
      `nats-server ${version} is not on this machine: building it with Go 1.26.8 into ${join(folder, cached)} (about a minute, once)`,
    ]);
    const left = await readdir(join(folder, cached, ".."));
    expect(left).toEqual([`nats-server-${version}-${goSystem()}-${goArchitecture()}`]);
  });

  it("builds what is wanting with one cache, and removes that at the end", async () => {
    const versions = [toolTable.etcd.version, toolTable["kube-apiserver"].version];
    const script = [
      'if [ "$1" = version ]; then echo go version go1.26.8; exit; fi',
      'for last; do :; done; while [ "$1" != -o ]; do shift; done',
      'mkdir -p "$GOCACHE"; touch "$GOCACHE/$(basename "$last")"; ls "$GOCACHE" >> "$HOME/seen"',
      `printf '#!/bin/sh\necho etcd Version: ${versions[0]}; echo Kubernetes v${versions[1]}\n' > "$2"`,
      'chmod 755 "$2"',
    ];
    await program("bin/go", script.join("\n"));
    const options = { env: { ...env(), HOME: folder }, tell: (line: string) => told.push(line) };
    const paths = await locateTools(["etcd", "kube-apiserver"], options);
    expect(await readFile(join(folder, "seen"), "utf8")).toBe("v3\nkube-apiserver\nv3\n");
    expect(told).toHaveLength(2);
    const left = await readdir(join(folder, "cache/jetstream-channel/tools"));
    const places = Object.values(paths).map((path) => basename(dirname(path)));
    expect(left.toSorted()).toEqual(places.toSorted());
  });

  it("shows what Go said when it fails, and leaves nothing behind", async () => {
    await program("bin/go", 'if [ "$1" = build ]; then echo no such host; exit 1; fi');
    await expect(locate(env())).rejects.toThrow(
      /could not be built \(go build ended with 1\).*\nno such host$/,
    );
    expect(await readdir(join(folder, "cache/jetstream-channel/tools"))).toEqual([]);
  });
});
