import { afterEach, describe, expect, it } from "vitest";
import { Reflector, type ReflectorOptions } from "../../../src/kube/reflector.ts";
import { sendStatus } from "../../support/api-stand-in.ts";
import { eventually } from "../../support/eventually.ts";
import { IN_NS, kubeWorld, silentLog, THINGS, type Thing, thing } from "./kube-world.ts";

const world = kubeWorld();
const running: Reflector<Thing>[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((reflector) => reflector.stop()));
});

/** Starts a reflector, and gives it with what its handler was told: `+a1=1`, `a1=1→2`, `-a1=2`. */
async function reflect(options: Partial<ReflectorOptions<Thing>> = {}) {
  const reflector = new Reflector({
    client: world.client,
    resource: THINGS,
    log: silentLog,
    ...options,
  });
  running.push(reflector);
  const told: string[] = [];
  reflector.onChange((before, after) => told.push(inWords(before, after)));
  reflector.start();
  return { reflector, told };
}

function inWords(before: Thing | undefined, after: Thing | undefined): string {
  const { name } = (after ?? before)?.metadata ?? {};
  if (before === undefined) return `+${name}=${after?.spec?.value}`;
  if (after === undefined) return `-${name}=${before.spec?.value}`;
  return `${name}=${before.spec?.value}→${after.spec?.value}`;
}

const put = (name: string, value: number) => world.server.put(IN_NS, thing(name, value));
const isTold = (told: string[], expected: string[]) =>
  eventually(() => expect(told).toEqual(expected), { within: 20_000, what: "the changes" });
const isWatching = (count = 1) =>
  eventually(() => world.server.watches === count, { within: 20_000, what: "the watch" });
const lists = () => world.server.count("GET", ({ query }) => !query.has("watch"));
const watches = () => world.server.requests.filter(({ query }) => query.has("watch"));

describe("a reflector", () => {
  it("tells of what is there, of changes with the state before, and of what goes", async () => {
    put("a1", 1);
    const { reflector, told } = await reflect();
    await reflector.hasSynced();
    expect(told).toEqual(["+a1=1"]);
    await isWatching();
    put("a1", 2);
    put("a2", 1);
    world.server.remove(IN_NS, "a1");
    await isTold(told, ["+a1=1", "a1=1→2", "+a2=1", "-a1=2"]);
    expect([...reflector.store.keys()]).toEqual(["ns/a2"]);
    expect(reflector.store.get("ns/a2")?.spec).toEqual({ value: 1 });
  });

  it("tells a handler that comes late of what is known", async () => {
    put("a1", 1);
    const { reflector } = await reflect();
    await reflector.hasSynced();
    const late: string[] = [];
    reflector.onChange((before, after) => late.push(inWords(before, after)));
    expect(late).toEqual(["+a1=1"]);
  });

  it("asks for its selection alone", async () => {
    const selection = { namespace: "ns", labelSelector: "x=y", fieldSelector: "metadata.name=a1" };
    await reflect({ selection });
    await isWatching();
    for (const { path, query } of world.server.requests) {
      expect(path).toBe(IN_NS);
      expect(query.get("labelSelector")).toBe("x=y");
      expect(query.get("fieldSelector")).toBe("metadata.name=a1");
    }
    expect(world.server.requests).toHaveLength(2);
  });

  it("keeps what the transform leaves of an object, from lists and watches alike", async () => {
    put("a1", 1);
    const { reflector, told } = await reflect({
      transform: ({ metadata }) => ({ ...(metadata === undefined ? {} : { metadata }) }),
    });
    await isWatching();
    put("a2", 1);
    await isTold(told, ["+a1=undefined", "+a2=undefined"]);
    expect(reflector.store.get("ns/a2")).not.toHaveProperty("spec");
  });

  it("goes on when a handler throws, and tells the others", async () => {
    const { reflector, told } = await reflect();
    reflector.onChange(() => {
      throw new Error("a bug");
    });
    const others: string[] = [];
    reflector.onChange((before, after) => others.push(inWords(before, after)));
    await isWatching();
    put("a1", 1);
    put("a1", 2);
    await isTold(told, ["+a1=1", "a1=1→2"]);
    expect(others).toEqual(told);
  });

  it("asks for nothing more once it is stopped", async () => {
    const { reflector, told } = await reflect();
    await isWatching();
    await reflector.stop();
    await isWatching(0);
    put("a1", 1);
    expect(told).toEqual([]);
    expect(world.server.requests).toHaveLength(2);
  });
});

describe("a watch", () => {
  it("that the server ends is taken up where it was, without a list", async () => {
    const { told } = await reflect();
    await isWatching();
    put("a1", 1);
    await isTold(told, ["+a1=1"]);
    world.server.endWatches();
    put("a1", 2);
    await isTold(told, ["+a1=1", "a1=1→2"]);
    expect(lists()).toBe(1);
    expect(watches().map(({ query }) => query.get("resourceVersion"))).toEqual(["1", "2"]);
  });

  it("is taken up from the newest bookmark while its own objects do not change", async () => {
    await reflect();
    await isWatching();
    world.server.put("/apis/example.dev/v1/namespaces/ns/others", thing("b1"));
    world.server.bookmark();
    world.server.forget();
    world.server.endWatches();
    await isWatching();
    expect(watches().at(-1)?.query.get("resourceVersion")).toBe("2");
    expect(lists()).toBe(1);
  });

  it("sends no request for as many bookmarks as there are", async () => {
    const { told } = await reflect();
    await isWatching();
    for (let i = 0; i < 100; i++) world.server.bookmark();
    put("a1", 1);
    await isTold(told, ["+a1=1"]);
    expect(world.server.requests).toHaveLength(2);
  });

  const expiries: [string, () => void][] = [
    ["is refused with 410", () => world.server.endWatches()],
    [
      "begins with 200 and ends with the event 410",
      () => {
        let times = 1;
        world.server.fault = ({ query }, response) => {
          if (!query.has("watch") || times === 0) return false;
          times -= 1;
          const object = { kind: "Status", code: 410, reason: "Expired" };
          response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
          return true;
        };
        world.server.endWatches();
      },
    ],
    [
      "sends a line that is no event",
      () => {
        world.server.sendToWatches("{]\n");
      },
    ],
  ];

  it.each(expiries)(
    "that %s leads to a list, and what went meanwhile is told as gone",
    async (_, expire) => {
      put("a1", 1);
      put("a2", 1);
      put("a3", 1);
      const { told } = await reflect();
      await isWatching();
      told.length = 0;
      expire();
      world.server.endWatches();
      world.server.remove(IN_NS, "a1");
      put("a2", 2);
      world.server.remove(IN_NS, "a3");
      put("a3", 2);
      put("a4", 1);
      world.server.forget();
      await eventually(() => expect(told).toContain("+a4=1"), { within: 20_000, what: "a list" });
      // The order of a list is no order of events; only of one name, gone comes before new.
      expect(told.toSorted()).toEqual(["+a3=2", "+a4=1", "-a1=1", "-a3=1", "a2=1→2"]);
      expect(told.indexOf("-a3=1")).toBeLessThan(told.indexOf("+a3=2"));
      expect(lists()).toBe(2);
    },
  );

  it("goes on when a line is broken off in the middle", async () => {
    const { told } = await reflect();
    await isWatching();
    world.server.sendToWatches('{"type":"ADDED","obj');
    world.server.endWatches();
    put("a1", 1);
    await isTold(told, ["+a1=1"]);
    expect(lists()).toBe(1);
  });
});

describe("a server", () => {
  it("that was killed and comes back is caught up with, and meanwhile the time is counted", async () => {
    const { reflector, told } = await reflect();
    await isWatching();
    await eventually(() => reflector.downForMs() === 0, { within: 20_000, what: "the watch" });
    await world.server.stop();
    await eventually(() => reflector.downForMs() > 300, { within: 20_000, what: "the outage" });
    expect(reflector.failure()).toMatchObject({ reason: "ConnectionFailed" });
    put("a1", 1);
    await world.server.start();
    await isTold(told, ["+a1=1"]);
    await eventually(() => reflector.downForMs() === 0, { within: 20_000, what: "the watch" });
    expect(reflector.failure()).toBeUndefined();
  });

  it("that is not there is asked with growing pauses", async () => {
    await world.server.stop();
    const attempts: number[] = [];
    const client: ReflectorOptions<Thing>["client"] = {
      watch: (resource, options) => world.client.watch(resource, options),
      list: (resource, selection, options) => {
        attempts.push(performance.now());
        return world.client.list(resource, selection, options);
      },
    };
    await reflect({ client });
    await eventually(() => attempts.length === 5, { within: 40_000, what: "five attempts" });
    const [first = 0, , , , last = 0] = attempts;
    // 250 + 500 + 1000 + 2000, each cut by up to a half.
    expect(last - first).toBeGreaterThan(1_800);
  });

  it("that does not let us in is asked until it does", async () => {
    put("a1", 1);
    world.server.fault = (_, response) => {
      sendStatus(response, 403, "Forbidden");
      return true;
    };
    const { reflector, told } = await reflect();
    await eventually(() => reflector.failure()?.code === 403, { within: 20_000, what: "a 403" });
    world.server.fault = () => false;
    await reflector.hasSynced();
    expect(told).toEqual(["+a1=1"]);
  });

  it("that only sends no bookmarks is watched anew, and that is no outage", async () => {
    const { reflector, told } = await reflect({ silentMs: 2_000 });
    let longestMs = 0;
    await eventually(
      () => {
        if (watches().length > 1) longestMs = Math.max(longestMs, reflector.downForMs());
        return watches().length === 3;
      },
      { within: 40_000, what: "three watches" },
    );
    await isWatching();
    put("a1", 1);
    await isTold(told, ["+a1=1"]);
    expect(reflector.failure()).toBeUndefined();
    expect(longestMs).toBeLessThan(2_000);
    expect(lists()).toBe(1);
  });

  it("that goes silent and is gone has its outage counted from when it was last heard of", async () => {
    const silentMs = 1_200;
    const { reflector, told } = await reflect({ silentMs });
    await isWatching();
    world.proxy.swallow("to-client");
    const silentAt = performance.now();
    put("a1", 1);
    await eventually(() => watches().length === 2, { within: 30_000, what: "another watch" });
    await world.server.stop();
    await eventually(() => reflector.failure() !== undefined, {
      within: 30_000,
      what: "a failure",
    });
    expect(reflector.downForMs()).toBeGreaterThan(performance.now() - silentAt - 200);
    await world.server.start();
    world.proxy.cut();
    await isTold(told, ["+a1=1"]);
    expect(lists()).toBe(1);
  });
});
