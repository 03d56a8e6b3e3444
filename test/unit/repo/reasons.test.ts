/*
 * The reasons of conditions and Events are words that people search for: each that the programs may write is on one of two pages, and the tables
 * there name no other. They are gathered from the source: literals behind `reason`, in calls that take a reason first, and in lists of reasons.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RESOURCES } from "../../../src/kube/objects.ts";
import { pageText, ROOT } from "../../support/documents.ts";

const SOURCES = globSync(join(ROOT, "src/{controller,dispatcher,api}/**/*.ts"))
  .map((path) => readFileSync(path, "utf8"))
  .map((text) => text.replaceAll(/^\s*(\/\/|\/?\*).*$/gm, ""));

const AFTER_REASON = /\breason\??\s*(?::|={1,3})((?:\$\{[^}]*\}|[^,;{}])*)/g;
const REASON_FIRST = /\b(?:statusWithout|unresolved)\(\s*("\w+")/g;
const SAID = /#say\(\s*([^,]+,\s*[^,]+)/g;
const LIST = /\b[A-Z]+_REASONS\b[^=;]*=\s*([[{][^\]}]*)/g;
const LITERAL = /"([A-Z]\w*[a-z]\w*)"|`(\S*\$\{\S+)`/g;

/** Are never the reason of a condition or an Event. */
const OTHERS = [
  // Of a field's fault, in the CRD.
  "FieldValueForbidden",
  "FieldValueRequired",
  // Types of Events, and statuses of conditions.
  "Normal",
  "Warning",
  "Unknown",
  "False",
  // Of a subscriber, whose entry in the status has no reason but a message: docs/troubleshooting.md has that.
  "ConsumerOwnedByAnother",
  "ConsumerRefused",
];

const DESTINATIONS = ["Subscriber", "ReplyTarget", "DeadLetterSink"];

/** What templates of reasons become. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  [template("Dispatcher", "kind", "Failed")]: keptKinds().map((kind) => `Dispatcher${kind}Failed`),
  [template("Dispatcher", "kind", "Leaving")]: ["Deployment", "Service"].map(
    (kind) => `Dispatcher${kind}Leaving`,
  ),
  [template("", "DESTINATIONS[role].reason", "Failing")]: DESTINATIONS.map((of) => `${of}Failing`),
  [template("", "reason", "Recovered")]: DESTINATIONS.map((of) => `${of}Recovered`),
};

const found = SOURCES.flatMap((text) =>
  [AFTER_REASON, REASON_FIRST, SAID, LIST].flatMap((pattern) =>
    [...text.matchAll(pattern)].flatMap(([, part = ""]) => literalsIn(part)),
  ),
);
const reasons = [...new Set(found)]
  .flatMap((name) => FAMILIES[name] ?? [name])
  .filter((name) => ![...OTHERS, ...DESTINATIONS].includes(name))
  .sort();

const troubleshooting = pageText("docs/troubleshooting.md");
const kubernetes = pageText("docs/kubernetes.md");

it("every reason of a condition or an Event is named in the documentation", () => {
  const named = quotedIn(troubleshooting + kubernetes);
  expect(reasons.filter((name) => !named.includes(name))).toEqual([]);
});

describe("no reason is named that there is not", () => {
  it("in the table of conditions", () => {
    const cells = rowsBelow(troubleshooting, "Conditions").flatMap(([, reason = ""]) =>
      quotedIn(reason),
    );
    expect(cells.length).toBeGreaterThan(40);
    expect(cells.filter((name) => !reasons.includes(name))).toEqual([]);
  });

  it("in the table of Events", () => {
    const cells = rowsBelow(kubernetes, "Events").flatMap(([reason = ""]) => quotedIn(reason));
    expect(cells.length).toBeGreaterThan(20);
    expect(cells.filter((name) => !reasons.includes(name))).toEqual([]);
  });
});

function literalsIn(part: string): string[] {
  return [...part.matchAll(LITERAL)].map(([, word, made]) => word ?? made ?? "");
}

/** Gives a template as the source has it. */
function template(before: string, expression: string, after: string): string {
  return `${before}\${${expression}}${after}`;
}

/** Lists the kinds of objects that a dispatcher is kept of. */
function keptKinds(): string[] {
  const text = readFileSync(join(ROOT, "src/controller/keep-dispatcher.ts"), "utf8");
  const names = [...text.matchAll(/\bRESOURCES\.(\w+)/g)].map(([, name = ""]) => name);
  return names.map((name) => RESOURCES[name as keyof typeof RESOURCES].kind);
}

function quotedIn(text: string): string[] {
  return [...text.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
}

/** Gives the cells of each row of the table below a heading. */
function rowsBelow(page: string, heading: string): string[][] {
  const [, section = ""] = page.split(`\n## ${heading}\n`);
  const [text = ""] = section.split("\n## ");
  const rows = [...text.matchAll(/^\|(.*)\|$/gm)].map(([, row = ""]) => row.split("|"));
  return rows.slice(2);
}
