/*
 * The first word of a command line chooses the subcommand. What people and programs read goes out, what went wrong to err, and
 * the exit code says how it ended. Called by main.ts.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../runtime/errors.ts";
import { type Command, EXIT, inTwoColumns, UsageError } from "./command.ts";
import { doctor } from "./doctor.ts";
import { lint } from "./lint.ts";
import { peek } from "./peek.ts";
import { status } from "./status.ts";
import type { Terminal } from "./terminal.ts";

const COMMANDS: Readonly<Record<string, Command>> = { status, doctor, peek, lint };

/** Carries a command line out; gives the exit code. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name = "--help", ...rest] = argv;
  try {
    if (name === "--version" || name === "-v") terminal.out(`${version()}\n`);
    else if (name === "--help" || name === "-h") terminal.out(`${help()}\n`);
    else return await commandFor(name).run(rest, terminal);
    return EXIT.done;
  } catch (error) {
    const isUsage = error instanceof UsageError;
    terminal.err(`jetstream-channel: ${isUsage ? error.message : errorMessage(error)}\n`);
    if (!isUsage) return EXIT.failed;
    const known = Object.hasOwn(COMMANDS, name) ? `${name} ` : "";
    terminal.err(`Try: jetstream-channel ${known}--help\n`);
    return EXIT.usage;
  }
}

function commandFor(name: string): Command {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command;
  const allowed = Object.keys(COMMANDS).join(", ");
  throw new UsageError(`unknown command "${name}"; allowed: ${allowed}`);
}

function help(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary] as const);
  return `Usage: jetstream-channel COMMAND [OPTIONS]

Looks at channels of Knative Eventing that are kept in NATS JetStream. It changes nothing.

Commands:
${inTwoColumns(rows)}

Options:
${inTwoColumns([
  ["-h, --help", "Show this help; after a command, that command's."],
  ["-v, --version", "Show the version."],
])}

Exit codes: 0 done; 1 it found a fault, or could not do its work; 2 the command line is not right.`;
}

/** Sources and what is built of them are equally deep below package.json. */
function version(): string {
  const path = join(import.meta.dirname, "../../package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
