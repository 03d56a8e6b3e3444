/**
 * The pages' kubectl commands, held against the kubectl and the API server of the test run: verbs, options and types are such as
 * there are. What they bring about is not looked at here.
 */
import { beforeAll, describe, expect, inject, it } from "vitest";
import { commandsIn, fencedBlocks } from "../../support/documents.ts";
import { knativeObjects, openType } from "../../support/knative.ts";
import { createKubeClient } from "../../support/kube-client.ts";
import { kubectl } from "../../support/kubectl.ts";
import { channelApi } from "../api/channel-api.ts";

const cluster = inject("cluster");

/** Verbs whose first word that is no option names types or objects. */
const WITH_TYPES = [
  "get",
  "describe",
  "delete",
  "patch",
  "scale",
  "wait",
  "logs",
  "port-forward",
  "explain",
  "rollout status",
  "annotate",
  "label",
];

const blocks = fencedBlocks("sh")
  .map(({ at, text }) => ({
    at,
    commands: commandsIn(text).filter(([program]) => program === "kubectl"),
  }))
  .filter(({ commands }) => commands.length > 0);

let types: Set<string>;

beforeAll(async () => {
  await channelApi(cluster);
  const client = createKubeClient(cluster.admin);
  const objects = [...knativeObjects(), openType("messaging.knative.dev", "v1", "Channel")];
  for (const object of objects) await client.apply(object, { force: true });
  const rows = (await run("api-resources", "--no-headers")).trim().split("\n");
  types = new Set(rows.flatMap((row) => namesOf(row.trim().split(/\s+/))));
});

describe.each(blocks)("the kubectl commands of $at", ({ commands }) => {
  it("are such as kubectl and the API server know", async () => {
    for (const [, ...words] of commands) {
      // What follows is a command of a container's.
      const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
      expect(await faultsOf(own), own.join(" ")).toEqual([]);
    }
  });
});

/** Gives the names of a row of `kubectl api-resources`: NAME SHORTNAMES APIVERSION NAMESPACED KIND. */
function namesOf(columns: string[]): string[] {
  const [plural = "", shorts = ""] = columns;
  const kind = columns.at(-1) ?? "";
  const group = (columns.at(-3) ?? "").split("/").slice(0, -1).join("");
  const short = columns.length === 5 ? shorts.split(",") : [];
  return [plural, kind.toLowerCase(), `${plural}.${group}`, ...short];
}

/** Says what is wrong with a command; nothing when kubectl would take it. */
async function faultsOf(words: string[]): Promise<string[]> {
  const first = words.findIndex(
    (word, index) => !word.startsWith("-") && words[index - 1] !== "-n",
  );
  const verb = await verbOf(words.slice(first));
  if (verb === undefined) return [`kubectl ${words[first]} is no command`];
  const { takesValue, isOption } = await optionsOf(verb);
  const faults: string[] = [];
  const others: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const [option = "", value] = (words[at] as string).split("=");
    if (!option.startsWith("-")) others.push(words[at] as string);
    else if (!isOption(option)) faults.push(`kubectl ${verb} has no ${option}`);
    else if (value === undefined && takesValue(option)) at += 1;
  }
  return [...faults, ...unknownTypes(verb, others.slice(verb.split(" ").length))];
}

function unknownTypes(verb: string, objects: string[]): string[] {
  if (!WITH_TYPES.includes(verb)) return [];
  const several = objects.filter((word) => word.includes("/"));
  const named = several.length > 0 ? several : objects.slice(0, 1);
  return named
    .map((word) => word.split(verb === "explain" ? "." : "/")[0] as string)
    .filter((type) => !types.has(type))
    .map((type) => `there is no type ${type}`);
}

/** Gives `create secret generic` or `get`: as many words as name a command of kubectl. */
async function verbOf(words: string[], known = ""): Promise<string | undefined> {
  const [next = "", ...rest] = words;
  const verb = `${known} ${next}`.trim();
  const help = await run(...verb.split(" "), "--help").catch(() => "");
  const isCommand = new RegExp(`^ +kubectl ${verb}(?= )`, "m").test(help.split("Usage:")[1] ?? "");
  if (!isCommand) return undefined;
  const further = new RegExp(`^  ${rest[0]} {2}`, "m").test(
    help.split("Available Commands:")[1] ?? "",
  );
  if (further) return await verbOf(rest, verb);
  return help.includes("\nOptions:\n") ? verb : undefined;
}

async function optionsOf(verb: string) {
  const help = `${await run(...verb.split(" "), "--help")}\n${await run("options")}`;
  const options = [...help.matchAll(/^ +(?:(-\w), )?(--[\w-]+)=(.*):$/gm)];
  const rowOf = (option: string) =>
    options.find(([, short, long]) => short === option || long === option);
  return {
    isOption: (option: string) => rowOf(option) !== undefined,
    takesValue: (option: string) => !/^(true|false)$/.test(rowOf(option)?.[3] ?? ""),
  };
}

const outputs = new Map<string, Promise<string>>();

/** Gives what kubectl prints, which it is asked for once. */
function run(...words: string[]): Promise<string> {
  const key = words.join(" ");
  const output = outputs.get(key) ?? runAnew(words);
  outputs.set(key, output);
  return output;
}

async function runAnew(words: string[]): Promise<string> {
  const { exitCode, output } = await kubectl(cluster.kubeconfigPath, ...words);
  if (exitCode !== 0) throw new Error(output);
  return output;
}
