import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { FIELD_FACTS } from "../../../config/generate/field-facts.ts";
import { withTables } from "../../../config/generate/reference.ts";
import { NatsJetStreamChannel } from "../../../src/api/channel.ts";
import * as names from "../../../src/api/names.ts";
import { NatsConfigFile } from "../../../src/api/nats-config.ts";
import { Environment as ControllerEnvironment } from "../../../src/controller/configuration.ts";
import { Environment as DispatcherEnvironment } from "../../../src/dispatcher/configuration.ts";
import { REFERENCE_PAGE, referenceRows } from "../../support/reference-page.ts";

const page = readFileSync(REFERENCE_PAGE, "utf8");
const SPEC = [
  "spec.stream",
  "spec.consumerConfigTemplate",
  "spec.delivery",
  "spec.subscribers",
  "spec.auth",
  "spec.deploymentSpecTemplate",
];
const specRows = SPEC.flatMap(referenceRows);
const { shape } = NatsJetStreamChannel;

it("docs/reference.md is what npm run generate writes", () => {
  expect(withTables(page)).toBe(page);
});

describe("docs/reference.md has one row", () => {
  it("for each field of a channel's spec", () => {
    const fields = leavesOf(shape.spec, "spec").map((path) =>
      // Their fields are those of spec.delivery.
      path.replace(/^(spec\.subscribers\[\]\.delivery)\..*/, "$1"),
    );
    expect(leaves(specRows.map(({ path }) => path))).toEqual([...new Set(fields)].sort());
  });

  it("for each field of a channel's status", () => {
    const rows = referenceRows("status").map(({ path }) => path);
    expect(leaves(rows)).toEqual(leavesOf(shape.status, "status").sort());
  });

  it("for each key of the configuration file", () => {
    const keys = leavesOf(NatsConfigFile, "").map((path) => path.replace(/^auth\..*/, "auth"));
    const rows = referenceRows("the configuration file").map(({ path }) => path);
    expect(leaves(rows)).toEqual([...new Set(keys)].sort());
  });

  it.each([
    ["the dispatcher's environment", DispatcherEnvironment],
    ["the controller's environment", ControllerEnvironment],
  ])("for each variable of %s", (of, { shape: variables }) => {
    const rows = referenceRows(of).map(({ path }) => path);
    expect(rows).toEqual(Object.keys(variables));
  });

  it("for each annotation of a channel", () => {
    for (const [name, annotation] of Object.entries(names)) {
      if (name.endsWith("_ANNOTATION")) expect(page).toContain(`\n| \`${String(annotation)}\` |`);
    }
  });
});

describe("a row of docs/reference.md", () => {
  it.each(SPEC)("of %s says what the field means, its default, a change and a refusal", (of) => {
    for (const row of referenceRows(of)) {
      expect(row, row.path).toEqual({
        path: row.path,
        meaning: expect.stringMatching(/\.$/),
        default: expect.stringMatching(/./),
        change: expect.stringMatching(/./),
        refused: expect.stringMatching(/./),
      });
    }
  });

  it.each([
    "status",
    "the configuration file",
    "the dispatcher's environment",
    "the controller's environment",
  ])("of %s has a meaning", (of) => {
    expect(referenceRows(of).filter(({ meaning }) => !meaning.endsWith("."))).toEqual([]);
  });
});

it("nothing is said of a field that there is not", () => {
  const known = new Set([...SPEC, ...specRows.map(({ path }) => path)]);
  expect([...FIELD_FACTS.keys()].filter((path) => !known.has(path))).toEqual([]);
});

it("what is said in another table has the fields of that table", () => {
  const below = (paths: readonly string[], prefix: string) =>
    paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const spec = leavesOf(shape.spec, "spec");
  expect(below(spec, "spec.subscribers[].delivery.")).toEqual(below(spec, "spec.delivery."));
  expect(below(leavesOf(NatsConfigFile, ""), "auth.")).toEqual(below(spec, "spec.auth."));
});

/** Lists the paths that nothing is below. */
function leaves(paths: readonly string[]): string[] {
  const isGroup = (path: string) =>
    paths.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[]`));
  return paths.filter((path) => !isGroup(path)).sort();
}

/** Lists the leaves below a zod schema, found without the JSON schema that the tables are made of. */
function leavesOf(schema: z.core.$ZodType, path: string): string[] {
  const isWrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault;
  if (isWrapped) return leavesOf(schema.unwrap(), path);
  if (schema instanceof z.ZodArray) {
    const { element } = schema;
    return element instanceof z.ZodObject ? leavesOf(element, `${path}[]`) : [path];
  }
  if (!(schema instanceof z.ZodObject)) return [path];
  const fields = Object.entries(schema.shape);
  if (fields.length === 0) return [path];
  return fields.flatMap(([name, field]) => leavesOf(field, path === "" ? name : `${path}.${name}`));
}
