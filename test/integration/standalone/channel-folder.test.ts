import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFileAtOnce } from "../../support/channels-file.ts";
import { type DispatcherProcess, startDispatcher } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { channelFor, type ShownPage, shownPage } from "./standalone-world.ts";

let nats: NatsServer;
let folder: string;
const dispatchers: DispatcherProcess[] = [];

beforeAll(async () => {
  nats = await startNatsServer();
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-folder-"));
});

afterAll(async () => {
  await Promise.all(dispatchers.map((one) => one.kill("SIGKILL")));
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(channelsPath: string): Promise<DispatcherProcess> {
  const dispatcher = await startDispatcher({ channelsPath, natsUrl: nats.url });
  dispatchers.push(dispatcher);
  return dispatcher;
}

const textOf = (...names: string[]) =>
  names.map((name) => dump(channelFor(name, {}))).join("---\n");

const shows = (dispatcher: DispatcherProcess, check: (page: ShownPage) => unknown, what: string) =>
  eventually(
    async () => {
      const page = await shownPage(dispatcher);
      return check(page) === false ? false : page;
    },
    { within: 15_000, what: `/channels to show ${what}` },
  );

const serves =
  (...names: string[]) =>
  ({ channels }: ShownPage) =>
    channels
      .filter(({ ready }) => ready)
      .map(({ channel }) => channel.replace("default/", ""))
      .sort()
      .join() === [...names].sort().join();

describe("a folder of files", () => {
  let path: string;
  let dispatcher: DispatcherProcess;

  beforeAll(async () => {
    path = join(folder, "files");
    await mkdir(path);
    await writeFile(join(path, "a.yaml"), textOf("a1", "a2"));
    await writeFile(join(path, "b.json"), JSON.stringify(channelFor("b", {})));
    await writeFile(join(path, "README.md"), "# not channels");
    await writeFile(join(path, ".draft.yaml"), "no: [channel");
    dispatcher = await start(path);
  });

  it("gives the channels of its YAML and JSON files, and of no others", async () => {
    const page = await shows(dispatcher, serves("a1", "a2", "b"), "a1, a2, b");
    expect(page.files.map(({ path: file, channels }) => [file, channels])).toEqual([
      [join(path, "a.yaml"), 2],
      [join(path, "b.json"), 1],
    ]);
  });

  it("gives those of a file that comes, and gives up those of a file that goes", async () => {
    await writeFile(join(path, "c.yml"), textOf("c"));
    await shows(dispatcher, serves("a1", "a2", "b", "c"), "c too");
    await rm(join(path, "c.yml"));
    await shows(dispatcher, serves("a1", "a2", "b"), "c no more");
  });

  it("keeps the last good state of a file that cannot be used, and takes the others", async () => {
    await writeFileAtOnce(join(path, "a.yaml"), "- [");
    await writeFileAtOnce(join(path, "d.yaml"), textOf("d"));
    const page = await shows(dispatcher, serves("a1", "a2", "b", "d"), "d too");
    expect(page.files.filter(({ error }) => error !== undefined)).toMatchObject([
      { path: join(path, "a.yaml"), channels: 2 },
    ]);
  });

  it("in which two files have a channel of one name gives the first file's, and says so", async () => {
    const twin = { ...channelFor("d", {}), spec: { stream: { config: { maxMsgs: 3 } } } };
    await writeFileAtOnce(join(path, "e.yaml"), dump(twin));
    const hasRefusal = ({ channels }: ShownPage) =>
      channels.some(({ channel, refusals }) => channel === "default/d" && refusals.length > 0);
    const page = await shows(dispatcher, hasRefusal, "a refusal");
    const reason = `there is another channel default/d in ${join(path, "e.yaml")}, the first one counts`;
    expect(page.channels.find(({ channel }) => channel === "default/d")).toMatchObject({
      ready: true,
      refusals: [{ path: "metadata.name", reason }],
    });
  });

  it("tells two objects without a name in two files apart", async () => {
    for (const name of ["x.yaml", "y.yaml"]) {
      await writeFileAtOnce(join(path, name), dump({ kind: "NatsJetStreamChannel" }));
    }
    const nameless = ({ channel }: { channel: string }) => channel.endsWith(": object 1");
    const page = await shows(
      dispatcher,
      ({ channels }) => channels.filter(nameless).length === 2,
      "both",
    );
    for (const { refusals } of page.channels.filter(nameless)) {
      expect(refusals.filter(({ reason }) => reason.includes("there is another"))).toEqual([]);
    }
  });

  it("that is replaced as a whole is read anew", async () => {
    await mkdir(join(folder, "next"));
    await writeFile(join(folder, "next", "n.yaml"), textOf("n"));
    await rename(path, join(folder, "old"));
    await rename(join(folder, "next"), path);
    await shows(dispatcher, serves("n"), "n only");
    // The system goes on to tell of the folder that was there before.
    await writeFile(join(path, "o.yaml"), textOf("o"));
    await shows(dispatcher, serves("n", "o"), "n and o");
  });
});

describe("a volume as a kubelet mounts it: files are links into a folder that a link names", () => {
  async function publishVersion(volume: string, version: string, ...names: string[]) {
    await mkdir(join(volume, version), { recursive: true });
    await writeFile(join(volume, version, "channels.yaml"), textOf(...names));
    await symlink(version, join(volume, "..data_tmp"));
    await rename(join(volume, "..data_tmp"), join(volume, "..data"));
  }

  it.each(["file", "folder"] as const)(
    "is read again when the link is swapped, as a %s",
    async (kind) => {
      const volume = join(folder, `volume-${kind}`);
      await publishVersion(volume, "..2026_01", `${kind}-one`);
      await symlink(join("..data", "channels.yaml"), join(volume, "channels.yaml"));
      const dispatcher = await start(kind === "folder" ? volume : join(volume, "channels.yaml"));
      await shows(dispatcher, serves(`${kind}-one`), "one");
      await publishVersion(volume, "..2026_02", `${kind}-one`, `${kind}-two`);
      await rm(join(volume, "..2026_01"), { recursive: true });
      await shows(dispatcher, serves(`${kind}-one`, `${kind}-two`), "one and two");
      expect(dispatcher.logs.filter(({ level }) => level === "error")).toEqual([]);
    },
  );
});

it("a file that is a link to elsewhere is read again when what it names is written", async () => {
  const target = join(folder, "target.yaml");
  await writeFile(target, textOf("one"));
  await mkdir(join(folder, "links"));
  const link = join(folder, "links", "channels.yaml");
  await symlink(target, link);
  const dispatcher = await start(link);
  await writeFile(target, textOf("one", "two"));
  await shows(dispatcher, serves("one", "two"), "two");
});

it("a file that is removed keeps its channels, says so once, and is read again when it is back", async () => {
  const path = join(folder, "removed.yaml");
  await writeFile(path, textOf("stays"));
  const dispatcher = await start(path);
  await rm(path);
  const page = await shows(dispatcher, ({ error }) => error !== undefined, "an error");
  expect(page.error).toContain("ENOENT");
  expect(serves("stays")(page)).toBe(true);
  await writeFile(path, textOf("stays", "comes"));
  const after = await shows(dispatcher, serves("stays", "comes"), "both");
  expect(after.error).toBeUndefined();
  const isLine = ({ msg }: { msg?: string }) => msg === "cannot read the channels, keeping them";
  expect(dispatcher.logs.filter(isLine)).toHaveLength(1);
});
