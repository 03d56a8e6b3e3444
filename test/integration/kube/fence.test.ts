import { expect, it } from "vitest";
import { isConflict } from "../../../src/kube/kube-error.ts";
import { Reflector } from "../../../src/kube/reflector.ts";
import { sendStatus } from "../../support/api-stand-in.ts";
import { failureOf, IN_NS, kubeWorld, silentLog, THINGS, thing } from "./kube-world.ts";

const world = kubeWorld();
const a1 = { namespace: "ns", name: "a1" };

it("a fenced client reads, and sends no write while it may not", async () => {
  world.server.put(IN_NS, thing("a1", 1));
  let mayWrite = false;
  const client = world.client.fenced(() => mayWrite);
  expect((await client.get(THINGS, a1)).spec).toEqual({ value: 1 });
  const writes = [
    () => client.delete(THINGS, a1),
    () => client.mergePatch(THINGS, a1, { patch: { spec: { value: 2 } } }),
    () => client.jsonPatch(THINGS, a1, { patch: [] }),
    () => client.apply(THINGS, thing("a1", 2), { fieldManager: "me" }),
  ];
  for (const write of writes) {
    expect((await failureOf(write())).message).toContain("not the leader (any more)");
  }
  expect(world.server.requests.map(({ method }) => method)).toEqual(["GET"]);
  mayWrite = true;
  await client.delete(THINGS, a1);
});

it.each([
  [[{ op: "test", path: "/metadata/resourceVersion", value: "1" }] as const, true],
  [[{ op: "remove", path: "/spec" }] as const, false],
])("a JSON patch %j that is refused is a conflict: %s", async (patch, expected) => {
  world.server.fault = (_, response) => {
    sendStatus(response, 422, "Invalid");
    return true;
  };
  expect(isConflict(await failureOf(world.client.jsonPatch(THINGS, a1, { patch })))).toBe(expected);
});

it.each([
  [404, "no such API"],
  [403, "nothing"],
  [200, "objects"],
])("a reflector whose list was answered %i knows: %s", async (code, expected) => {
  if (code !== 200) {
    world.server.fault = (_, response) => {
      sendStatus(response, code, "Refused");
      return true;
    };
  }
  const reflector = new Reflector({ client: world.client, resource: THINGS, log: silentLog });
  expect(reflector.knowledge()).toBe("nothing");
  reflector.start();
  await reflector.hasTried();
  expect(reflector.knowledge()).toBe(expected);
  await reflector.stop();
});
