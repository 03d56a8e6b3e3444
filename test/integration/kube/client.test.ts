import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { KubeClient } from "../../../src/kube/client.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../../src/kube/kube-error.ts";
import { sendStatus } from "../../support/api-stand-in.ts";
import { failureOf, IN_NS, kubeWorld, THINGS, thing } from "./kube-world.ts";

const world = kubeWorld();
const a1 = { namespace: "ns", name: "a1" };

describe("a verb", () => {
  const rows: [string, (client: KubeClient) => Promise<unknown>, object][] = [
    [
      "create posts to the collection",
      (client) => client.create(THINGS, thing("b2", 1), { dryRun: true }),
      {
        method: "POST",
        path: IN_NS,
        query: "dryRun=All",
        type: "application/json",
        body: { apiVersion: "example.dev/v1", kind: "Thing", ...thing("b2", 1) },
      },
    ],
    [
      "replace puts the object",
      (client) => client.replace(THINGS, thing("a1", 2)),
      { method: "PUT", path: `${IN_NS}/a1`, query: "", type: "application/json" },
    ],
    [
      "apply of a status is a server-side apply",
      (client) =>
        client.apply(THINGS, thing("a1"), {
          fieldManager: "me",
          force: true,
          subresource: "status",
        }),
      {
        method: "PATCH",
        path: `${IN_NS}/a1/status`,
        query: "fieldManager=me&force=true",
        type: "application/apply-patch+yaml",
        body: { apiVersion: "example.dev/v1", kind: "Thing", ...thing("a1") },
      },
    ],
    [
      "mergePatch sends the fields",
      (client) => client.mergePatch(THINGS, a1, { patch: { spec: { value: 3 } } }),
      {
        method: "PATCH",
        path: `${IN_NS}/a1`,
        query: "",
        type: "application/merge-patch+json",
        body: { spec: { value: 3 } },
      },
    ],
    [
      "jsonPatch sends the steps",
      (client) => client.jsonPatch(THINGS, a1, { patch: [{ op: "remove", path: "/status" }] }),
      {
        method: "PATCH",
        path: `${IN_NS}/a1`,
        query: "",
        type: "application/json-patch+json",
        body: [{ op: "remove", path: "/status" }],
      },
    ],
    [
      "delete sends its preconditions",
      (client) => client.delete(THINGS, a1, { uid: "u", propagation: "Foreground" }),
      {
        method: "DELETE",
        path: `${IN_NS}/a1`,
        query: "",
        type: "application/json",
        body: {
          apiVersion: "v1",
          kind: "DeleteOptions",
          preconditions: { uid: "u" },
          propagationPolicy: "Foreground",
        },
      },
    ],
  ];

  it.each(rows)("%s", async (_, call, expected) => {
    world.server.put(IN_NS, thing("a1"));
    world.server.fault = ({ path }, response) => {
      if (!path.endsWith("/status")) return false;
      response.end("{}");
      return true;
    };
    await call(world.client);
    const [request] = world.server.requests;
    const { method, path, query, headers, body } = request ?? expect.fail("there is no request");
    expect(headers["user-agent"]).toBe("test");
    expect({
      method,
      path,
      query: query.toString(),
      type: headers["content-type"],
      body: JSON.parse(body),
    }).toMatchObject(expected);
  });

  it("list reads 1,200 objects in three pages, and says of each what it is", async () => {
    for (let i = 0; i < 1_200; i++) world.server.put(IN_NS, thing(`a${i}`));
    const { items, resourceVersion } = await world.client.list(THINGS);
    expect(items).toHaveLength(1_200);
    expect(new Set(items.map(({ kind }) => kind))).toEqual(new Set(["Thing"]));
    expect(resourceVersion).toBe("1201");
    expect(world.server.requests.map(({ query }) => query.get("limit"))).toEqual(
      Array(3).fill("500"),
    );
  });

  it("list reads everything at once when the pages have expired", async () => {
    for (let i = 0; i < 600; i++) world.server.put(IN_NS, thing(`a${i}`));
    world.server.fault = ({ query }, response) => {
      if (!query.has("continue")) return false;
      sendStatus(response, 410, "Expired");
      return true;
    };
    const { items } = await world.client.list(THINGS, { namespace: "ns" });
    expect(items).toHaveLength(600);
    expect(world.server.requests).toHaveLength(3);
  });
});

describe("a failure", () => {
  it("is an error with code and reason, whose sentence names the verb and the object", async () => {
    const error = await failureOf(world.client.get(THINGS, a1));
    expect(isNotFound(error)).toBe(true);
    expect(error).toMatchObject({ code: 404, reason: "NotFound" });
    expect(error.message).toBe(
      "cannot get things ns/a1: the stand-in says NotFound (404 NotFound)",
    );
  });

  it("tells a name that is taken from a version that is old", async () => {
    const old = world.server.put(IN_NS, thing("a1", 1));
    world.server.put(IN_NS, thing("a1", 2));
    const taken = await failureOf(world.client.create(THINGS, thing("a1")));
    const stale = await failureOf(world.client.replace(THINGS, old));
    expect([isAlreadyExists(taken), isConflict(taken)]).toEqual([true, false]);
    expect([isAlreadyExists(stale), isConflict(stale)]).toEqual([false, true]);
  });

  it.each([
    [
      "of something in between keeps the beginning of its text",
      502,
      "<html>Bad Gateway",
      "Bad Gateway",
    ],
    ["without a word says so", 500, "", "the API server gave no reason"],
  ])("%s", async (_, code, text, words) => {
    world.server.fault = (_request, response) => {
      response.writeHead(code).end(text);
      return true;
    };
    const error = await failureOf(world.client.get(THINGS, a1));
    expect(error).toMatchObject({ code, reason: `HTTP${code}` });
    expect(error.message).toContain(words);
  });

  it("to speak JSON is told apart from no answer", async () => {
    world.server.fault = (_, response) => {
      response.end("<html>");
      return true;
    };
    const error = await failureOf(world.client.get(THINGS, a1));
    expect(error).toMatchObject({ code: undefined, reason: "MalformedAnswer" });
  });

  it("holds no credential, wherever one looks in it", async () => {
    world.server.token = "top-secret";
    world.server.fault = (_, response) => {
      response.destroy();
      return true;
    };
    const lost = await failureOf(world.client.create(THINGS, thing("a1")));
    world.server.fault = () => false;
    const missing = await failureOf(world.client.get(THINGS, a1));
    expect(inspect([lost, missing], { depth: 20 })).not.toContain("top-secret");
  });
});
