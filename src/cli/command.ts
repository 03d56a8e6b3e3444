/*
 * What a subcommand is, and how its command line is read: node's own parseArgs, with sentences that say what is allowed.
 * The table of options is what `--help` prints, so that the two cannot differ.
 */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { errorMessage } from "../runtime/errors.ts";
import type { Terminal } from "./terminal.ts";

/** Is how a program ended; README and docs/cli.md have the table. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Is one option; `value` names what it takes, and without it the option is a switch. */
export interface Option {
  value?: string;
  short?: string;
  multiple?: boolean;
  help: string;
}

export type Options = Readonly<Record<string, Option>>;

/** Is what was given: a switch, a value, or several. */
export type Values<Table extends Options> = {
  [Name in keyof Table]:
    | (Table[Name] extends { value: string }
        ? Table[Name] extends { multiple: true }
          ? string[]
          : string
        : boolean)
    | undefined;
};

/** Is what a subcommand gets. */
export interface Input<Table extends Options> {
  values: Values<Table>;
  positionals: string[];
  terminal: Terminal;
}

/** Is a subcommand; `usage` is what follows its name, `about` a paragraph for `--help`. */
export interface Command {
  summary: string;
  usage: string;
  about: string;
  options: Options;
  run(argv: readonly string[], terminal: Terminal): Promise<number>;
}

/** Is thrown for a command line that is not right. */
export class UsageError extends Error {
  override name = "UsageError";
}

const HELP = { short: "h", help: "Show this help." } as const;

/** Makes a subcommand, whose `run` gets its options with their types; `most` bounds what is not an option. */
export function defineCommand<const Table extends Options>(definition: {
  name: string;
  summary: string;
  usage: string;
  about: string;
  options: Table;
  most: number;
  run: (input: Input<Table>) => Promise<number>;
}): Command {
  const { name, most, options: own, run, ...rest } = definition;
  const options = { ...own, help: HELP };
  const command: Command = {
    ...rest,
    options,
    async run(argv, terminal) {
      const { values, positionals } = parsed(argv, options);
      if (values.help === true) {
        terminal.out(`${helpFor(name, command)}\n`);
        return EXIT.done;
      }
      if (positionals.length > most) {
        throw new UsageError(`unexpected argument "${positionals[most]}"`);
      }
      return await run({ values: values as Values<Table>, positionals, terminal });
    },
  };
  return command;
}

/** Checks the value of an option that takes one of some words. */
export function oneOf<Word extends string>(
  option: string,
  words: readonly Word[],
  given: string | undefined,
): Word {
  const found = given === undefined ? words[0] : words.find((word) => word === given);
  if (found !== undefined) return found;
  throw new UsageError(`--${option}: one of ${words.join(", ")} expected, got "${given}"`);
}

/** Checks the value of an option that takes a whole number from 1. */
export function positive(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const number = /^\d{1,15}$/.test(given) ? Number(given) : 0;
  if (number > 0) return number;
  throw new UsageError(`--${option}: a whole number from 1 expected, got "${given}"`);
}

/** Writes lines in two columns, the second wrapped at 100 characters. */
export function inTwoColumns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows
    .map(([left, right]) => {
      const lines = wrapped(right, 98 - width);
      return `  ${left.padEnd(width)}${lines.join(`\n${" ".repeat(width + 2)}`)}`;
    })
    .join("\n");
}

function parsed(argv: readonly string[], options: Options) {
  const config: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, { value, short, multiple = false }] of Object.entries(options)) {
    const type = value === undefined ? "boolean" : "string";
    config[name] = { type, multiple, ...(short === undefined ? {} : { short }) };
  }
  try {
    return parseArgs({ args: [...argv], options: config, allowPositionals: true });
  } catch (error) {
    throw new UsageError(usageSentence(error, options), { cause: error });
  }
}

/** Says what is allowed, where node only says what is not. */
function usageSentence(error: unknown, options: Options): string {
  const [, unknown] = /^Unknown option '(\S+)'/.exec(errorMessage(error)) ?? [];
  if (unknown === undefined) return errorMessage(error).split(". ")[0] ?? "";
  const allowed = Object.keys(options).map((name) => `--${name}`);
  return `unknown option ${unknown}; allowed: ${allowed.join(", ")}`;
}

function helpFor(name: string, { usage, about, options }: Command): string {
  const rows = Object.entries(options).map(([option, { value, short, help }]) => {
    const names = `${short === undefined ? "" : `-${short}, `}--${option}`;
    return [value === undefined ? names : `${names} ${value}`, help] as const;
  });
  const text = wrapped(about, 98).join("\n");
  return `Usage: jetstream-channel ${name} ${usage}\n\n${text}\n\nOptions:\n${inTwoColumns(rows)}`;
}

function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
