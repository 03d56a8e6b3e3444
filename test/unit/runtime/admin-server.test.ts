import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type AdminPages,
  type AdminServer,
  startAdminServer,
} from "../../../src/runtime/admin-server.ts";

let server: AdminServer;
let pages: AdminPages;

beforeEach(async () => {
  pages = {
    healthy: () => true,
    ready: () => true,
    notes: () => [],
    metrics: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }),
    json: { "/channels": () => ({ channels: [] }), "/broken": () => failing() },
  };
  server = await startAdminServer({
    port: 0,
    pages: {
      ...pages,
      healthy: () => pages.healthy(),
      ready: () => pages.ready(),
      notes: () => pages.notes(),
      metrics: () => pages.metrics(),
    },
  });
});

afterEach(() => server.close());

function failing(): never {
  throw new Error("no page today", { cause: new Error("the reason") });
}

async function ask(path: string): Promise<[status: number, body: string]> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return [answer.status, await answer.text()];
}

describe.each([
  ["/healthz", "healthy"],
  ["/readyz", "ready"],
] as const)("%s", (path, name) => {
  it("answers 200 while all is well, and 503 with the reason while not, asked anew each time", async () => {
    expect(await ask(path)).toEqual([200, "ok\n"]);
    pages[name] = () => "the server is away";
    expect(await ask(path)).toEqual([503, "the server is away\n"]);
    pages[name] = () => true;
    expect(await ask(path)).toEqual([200, "ok\n"]);
  });
});

describe("a page", () => {
  it("of metrics comes as it is", async () => {
    expect(await ask("/metrics")).toEqual([200, "up 1\n"]);
  });

  it("of JSON comes in lines", async () => {
    expect(await ask("/channels")).toEqual([200, '{\n  "channels": []\n}\n']);
  });

  it.each(["/broken", "/metrics"])(
    "%s that fails answers 500 with the sentence and no stack",
    async (path) => {
      pages.metrics = async () => failing();
      expect(await ask(path)).toEqual([500, "no page today: the reason\n"]);
      expect(await ask("/healthz")).toEqual([200, "ok\n"]);
    },
  );

  it("that is not there is 404", async () => {
    expect((await ask("/nothing"))[0]).toBe(404);
  });
});

it("a port that is taken is an error", async () => {
  await expect(startAdminServer({ port: server.port, pages })).rejects.toThrow("EADDRINUSE");
});

it("closing ends kept connections too", async () => {
  await ask("/healthz");
  const { port } = server;
  await server.close();
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed");
  server = await startAdminServer({ port: 0, pages });
});

it("shows beside its readiness what a person should know", async () => {
  pages.notes = () => ["one", "two"];
  expect(await ask("/readyz")).toEqual([200, "ok\none\ntwo\n"]);
  pages.ready = () => "the server is away";
  expect(await ask("/readyz")).toEqual([503, "the server is away\none\ntwo\n"]);
  expect(await ask("/healthz")).toEqual([200, "ok\n"]);
});

it("has no metrics while they are switched off", async () => {
  pages.metrics = async () => undefined;
  expect(await ask("/metrics")).toEqual([404, "Metrics are switched off.\n"]);
});
