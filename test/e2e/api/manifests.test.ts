import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ControlPlane, startControlPlane } from "../../support/control-plane.ts";
import { kubectl } from "../../support/kubectl.ts";
import { manifests } from "../../support/manifests.ts";

const CONFIG = join(import.meta.dirname, "../../../config");

let empty: ControlPlane;

beforeAll(async () => {
  empty = await startControlPlane();
  const metadata = { name: "knative-eventing" };
  await empty.client.create({ apiVersion: "v1", kind: "Namespace", metadata });
});

afterAll(async () => {
  await empty?.stop();
});

/** Gives the lines that `kubectl apply -f config/` prints, without the types' groups. */
async function apply(...options: string[]): Promise<string[]> {
  const { kubeconfigPath } = empty.cluster;
  const { exitCode, output } = await kubectl(kubeconfigPath, "apply", "-f", CONFIG, ...options);
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  return output.trim().split("\n");
}

/** Gives the lines that are expected, one for each object in the order of the files. */
function everyObject(outcome: string) {
  return manifests().map(({ kind, metadata }) => {
    const type = `${kind.toLowerCase()}(\\.[a-z0-9.]+)?`;
    return expect.stringMatching(new RegExp(`^${type}/${metadata.name} ${outcome}$`));
  });
}

it("config/ is accepted as a whole by a cluster that has nothing of it", async () => {
  expect(await apply("--dry-run=server")).toEqual(everyObject("created \\(server dry run\\)"));
});

it("config/ is made in the order of its files, and applied again changes nothing", async () => {
  expect(await apply()).toEqual(everyObject("created"));
  expect(await apply()).toEqual(everyObject("unchanged"));
  expect(await apply("--dry-run=server")).toEqual(everyObject("unchanged \\(server dry run\\)"));
});
