/**
 * Writes the tables of docs/reference.md, between its markers, out of the schemas of src/api, those of the programs' environments, and the facts of
 * field-facts.ts. The text around them is the page's own.
 */
import { z } from "zod";
import { NatsJetStreamChannel } from "../../src/api/channel.ts";
import { NatsConfigFile } from "../../src/api/nats-config.ts";
import { Environment as ControllerEnvironment } from "../../src/controller/configuration.ts";
import { Environment as DispatcherEnvironment } from "../../src/dispatcher/configuration.ts";
import { FIELD_FACTS } from "./field-facts.ts";
import { type FieldRow, fieldRows } from "./field-rows.ts";
import type { Schema } from "./structural-schema.ts";

const NOTHING = "–";
const MARKED = /(<!-- fields of (.+?) -->\n)[\s\S]*?(<!-- end -->)/g;

// Their fields are those of another table.
const ELSEWHERE = ["spec.subscribers[].delivery", "auth"];

/** Gives the page's text with its tables as they should be. */
export function withTables(page: string): string {
  return page.replace(MARKED, (_, begin: string, of: string, end: string) => {
    return `${begin}\n${tableOf(of)}\n${end}`;
  });
}

function tableOf(name: string): string {
  if (name === "the configuration file") return configurationTable();
  if (name === "the dispatcher's environment") return environmentTable(DispatcherEnvironment);
  if (name === "the controller's environment") return environmentTable(ControllerEnvironment);
  const schema = schemaAt(schemaOf(NatsJetStreamChannel), name);
  const isList = schema.items !== undefined;
  const rows = fieldRows(schema.items ?? schema, isList ? `${name}[]` : name, ELSEWHERE);
  return name === "status" ? statusTable(rows) : specTable(rows, name);
}

function specTable(rows: readonly FieldRow[], prefix: string): string {
  const head = ["field", "meaning", "default", "a change is made", "refused with"];
  const cells = rows.map((row) => {
    const facts = FIELD_FACTS.get(row.path) ?? {};
    return [
      code(row.path.slice(prefix.length).replace(/^\./, "")),
      text(row.meaning),
      text(facts.default ?? shownDefault(row.default)),
      text(changeOf(row.path)),
      text([facts.refusal ?? row.expected, ...row.rules].join("; ")),
    ];
  });
  return markdown(head, cells);
}

function statusTable(rows: readonly FieldRow[]): string {
  const cells = rows.map(({ path, meaning }) => [code(path), text(meaning)]);
  return markdown(["field", "meaning"], cells);
}

const SIZES: Readonly<Record<string, string>> = {
  "dispatch.memory": "16Mi",
  "dispatch.publishMemory": "1Mi",
  "dispatch.maxEventSize": "1",
};

function configurationTable(): string {
  const cells = fieldRows(schemaOf(NatsConfigFile), "", ELSEWHERE)
    .filter(({ path }) => !["jetstream", "dispatch"].includes(path))
    .map(({ path, meaning, default: given }) => {
      const least = SIZES[path] === undefined ? "" : ` At least ${SIZES[path]}.`;
      return [code(path), text(`${meaning}${least}`), text(shownDefault(given))];
    });
  return markdown(["key", "meaning", "default"], cells);
}

function environmentTable({ shape }: z.ZodObject): string {
  const cells = Object.entries(shape).map(([name, field]) => {
    const given = field instanceof z.ZodDefault ? field.def.defaultValue : undefined;
    return [code(name), text(field.description ?? ""), text(shownDefault(given))];
  });
  return markdown(["variable", "meaning", "default"], cells);
}

/** A group's change counts for what is in it. */
function changeOf(path: string): string {
  const { change } = FIELD_FACTS.get(path) ?? {};
  if (change !== undefined) return change;
  const group = path.replace(/(\[\])?(\.[^.]*)?$/, "");
  return group === path || group === "" ? NOTHING : changeOf(group);
}

function shownDefault(value: unknown): string {
  if (value === undefined) return NOTHING;
  return value === "" ? '""' : String(value);
}

function schemaOf(schema: z.ZodType): Schema {
  const options = { target: "openapi-3.0", io: "input", unrepresentable: "any" } as const;
  return z.toJSONSchema(schema, options) as Schema;
}

function schemaAt(root: Schema, path: string): Schema {
  let schema: Schema | undefined = root;
  for (const name of path.split(".")) schema = schema?.properties?.[name];
  if (schema === undefined) throw new Error(`the schema has no ${path}`);
  return schema;
}

function code(name: string): string {
  return `\`${name}\``;
}

function text(words: string): string {
  return words.replace(/[|<>*_\\]/g, "\\$&");
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return `${lines.join("\n")}\n`;
}
