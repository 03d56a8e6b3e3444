import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { valuesSchema } from "../../../config/generate/chart-schema.ts";
import { withValues } from "../../../config/generate/chart-table.ts";
import { generatedTemplates } from "../../../config/generate/chart-templates.ts";
import { type ChartValue, chartValues, leavesOf } from "../../../config/generate/chart-values.ts";

const root = join(import.meta.dirname, "../../..");
const chart = join(root, "charts/jetstream-channel");
const read = (path: string) => readFileSync(join(chart, path), "utf8");

const values = chartValues(read("values.yaml"));

describe("what npm run generate writes", () => {
  it.each([...generatedTemplates()])("is templates/%s", (name, text) => {
    expect(read(`templates/${name}`)).toBe(text);
  });

  it("is values.schema.json", () => {
    expect(read("values.schema.json")).toBe(valuesSchema(values));
  });

  it("is the table of README.md", () => {
    const page = read("README.md");
    expect(page).toContain("| `nats.url` |");
    expect(withValues(page, values)).toBe(page);
  });
});

it("has the version of the programs", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    version: string;
  };
  expect(load(read("Chart.yaml"))).toMatchObject({ version, appVersion: version });
});

describe("the values", () => {
  const templates = readdirSync(join(chart, "templates"))
    .map((name) => read(`templates/${name}`))
    .join("\n");
  const used = new Set(
    [...templates.matchAll(/\.Values\.([A-Za-z][\w.]*\w)/g)].map(([, path = ""]) => path),
  );
  const isAbove = (path: string, other: string) => other === path || other.startsWith(`${path}.`);

  it("that templates use are all there", () => {
    const known = (function pathsOf(list: readonly ChartValue[]): string[] {
      return list.flatMap(({ path, values: below }) => [path, ...pathsOf(below ?? [])]);
    })(values);
    expect([...used].filter((path) => !known.includes(path))).toEqual([]);
  });

  it("are all used by templates, one by one or as an image", () => {
    const isUsed = ({ path }: ChartValue) =>
      used.has(path) || [...used].some((other) => other.endsWith(".image") && isAbove(other, path));
    const unused = leavesOf(values).filter((value) => !isUsed(value));
    expect(unused.map(({ path }) => path)).toEqual([]);
  });

  it("all say what they mean, in a sentence", () => {
    const isSilent = ({ meaning, schemaOf }: ChartValue) =>
      meaning === "" ? !schemaOf?.startsWith("pod.") : !meaning.endsWith(".");
    expect(
      leavesOf(values)
        .filter(isSilent)
        .map(({ path }) => path),
    ).toEqual([]);
  });
});

describe("a values.yaml", () => {
  it("becomes a schema that knows nothing else", () => {
    const text = [
      "# What is not above a key is of no concern.",
      "",
      "# How many,",
      "# in all.",
      "# @schema {minimum: 1}",
      "replicas: 1",
      "# A group.",
      "image:",
      "  tag: a",
      "  # @schema-of pod.nodeSelector",
      "  selector:",
      "    # Not a value.",
      "    disk: fast",
    ];
    expect(JSON.parse(valuesSchema(chartValues(text.join("\n"))))).toEqual({
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      additionalProperties: false,
      properties: {
        replicas: { type: "integer", minimum: 1, description: "How many, in all." },
        image: {
          type: "object",
          description: "A group.",
          additionalProperties: false,
          properties: {
            tag: { type: "string" },
            selector: {
              type: "object",
              propertyNames: { type: "string" },
              additionalProperties: { type: "string" },
            },
          },
        },
      },
    });
  });

  it.each([
    ["# @shema {minimum: 1}\na: 1", "a in values.yaml: @schema or @schema-of expected"],
    ["a: {}", "a in values.yaml: @schema-of, or @schema with a type, expected"],
    ["a: null", "a in values.yaml: @schema-of, or @schema with a type, expected"],
    ["# @schema-of pod.nodeSelektor\na: {}", "a in values.yaml: there is no @schema-of pod.nodeS"],
  ])("is refused that says %j", (text, sentence) => {
    expect(() => valuesSchema(chartValues(text))).toThrow(sentence);
  });
});
