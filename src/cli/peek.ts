/*
 * `peek`: the messages of a stream, read one by one by their sequence (no consumer is made, nothing is acknowledged), each as the
 * CloudEvent that a subscriber would get, whatever form it is stored in.
 *
 *   1. the stream: named, or the one that has the channel's subject
 *   2. from where: a sequence, a time, or so many from the end
 *   3. lines, up to the last message that was there at the beginning
 */
import { parseGoDuration, parseIsoDuration } from "../api/duration.ts";
import { subjectFor } from "../api/names.ts";
import { isSubject } from "../api/subjects.ts";
import { eventFromMessage } from "../cloudevents/event-from-message.ts";
import { jsonBody } from "../cloudevents/json-body.ts";
import {
  type KeptMessage,
  messageFrom,
  type StreamReader,
  sequenceSince,
} from "../nats/stored-messages.ts";
import { defineCommand, EXIT, type Input, oneOf, positive, UsageError } from "./command.ts";
import { NATS_OPTIONS, type NatsAccess, openNats } from "./nats-access.ts";
import type { Terminal } from "./terminal.ts";

const DEFAULT_LAST = 10;
const DEFAULT_LIMIT = 100;

const OPTIONS = {
  namespace: { short: "n", value: "NAME", help: "Namespace of the channel (default default)." },
  stream: {
    value: "NAME",
    help: "The stream, in place of a channel: a mirror, or one that is left behind.",
  },
  last: { value: "N", help: `The last N events (default ${DEFAULT_LAST}).` },
  from: { value: "SEQUENCE", help: "From a sequence of the stream on." },
  since: { value: "DURATION", help: "From so long ago on: 15m, 36h, P7D." },
  limit: {
    value: "N",
    help: `With --from and --since: at most N events (default ${DEFAULT_LIMIT}).`,
  },
  subject: {
    value: "SUBJECT",
    help: "Only those with a subject like this; * and > are wildcards.",
  },
  output: {
    short: "o",
    value: "events|messages",
    help: "A CloudEvent in each line (default), or each with sequence, subject and time of its message.",
  },
  ...NATS_OPTIONS,
} as const;

type Values = Input<typeof OPTIONS>["values"];

interface Asked {
  last: number | undefined;
  from: number | undefined;
  sinceMs: number | undefined;
  limit: number;
  subject: string | undefined;
}

/** Shows the events of a stream. */
export const peek = defineCommand({
  name: "peek",
  summary: "Show the events of a stream as CloudEvents, without consuming them.",
  usage: "CHANNEL | --stream NAME",
  about:
    "Writes the events that a channel keeps in JetStream as JSON lines, each as a subscriber would get it. It asks NATS itself, so it needs a login there; nothing is consumed or acknowledged.",
  options: OPTIONS,
  most: 1,
  async run({ values, positionals: [channel], terminal }) {
    const output = oneOf("output", ["events", "messages"], values.output);
    const asked = askedFor(values);
    if ((channel === undefined) === (values.stream === undefined)) {
      throw new UsageError("a channel, or --stream, expected");
    }
    const nats = await openNats(values);
    try {
      const stream = values.stream ?? (await streamOf(nats, channel ?? "", values.namespace));
      const reader = { nc: nats.nc, apiPrefix: nats.apiPrefix, stream };
      await show({ reader, nats, asked, terminal, output });
      return EXIT.done;
    } finally {
      await nats.close();
    }
  },
});

function askedFor(values: Values): Asked {
  const { last, from, since, limit, subject } = values;
  const ways = { last, from, since };
  const given = Object.entries(ways).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`],
  );
  if (given.length > 1)
    throw new UsageError(`one of --last, --from, --since expected, got ${given.join(" and ")}`);
  if (limit !== undefined && from === undefined && since === undefined) {
    throw new UsageError("--limit goes with --from or --since; else --last N");
  }
  if (subject !== undefined && !isSubject(subject)) {
    throw new UsageError(`--subject: a subject of NATS expected, got "${subject}"`);
  }
  return {
    last: given.length === 0 ? DEFAULT_LAST : positive("last", last),
    from: positive("from", from),
    sinceMs: since === undefined ? undefined : durationOf(since),
    limit: positive("limit", limit) ?? DEFAULT_LIMIT,
    subject,
  };
}

function durationOf(text: string): number {
  try {
    return text.startsWith("P") ? parseIsoDuration(text) : parseGoDuration(text);
  } catch (error) {
    throw new UsageError(`--since: ${(error as Error).message}`, { cause: error });
  }
}

/** The channel's subject leads to its stream, also where that has a name of its own. */
async function streamOf(
  { jsm, naming }: NatsAccess,
  channel: string,
  given: string | undefined,
): Promise<string> {
  const [first = "", second] = channel.split("/");
  const name = second ?? first;
  const namespace = second === undefined ? (given ?? "default") : first;
  const subject = subjectFor({ namespace, name }, naming);
  for await (const stream of jsm.streams.names(subject)) return stream;
  throw new Error(
    `no stream of this account has the subject ${subject} of channel ${namespace}/${name}; a channel that is a mirror has none: --stream`,
  );
}

async function show(options: {
  reader: StreamReader;
  nats: NatsAccess;
  asked: Asked;
  terminal: Terminal;
  output: "events" | "messages";
}): Promise<void> {
  const { reader, nats, asked, terminal, output } = options;
  const { state } = await nats.jsm.streams.info(reader.stream);
  const write = (message: KeptMessage) => terminal.out(lineOf(message, reader.stream, output));
  const range = { from: state.first_seq, to: state.last_seq, subject: asked.subject };
  if (asked.last !== undefined) {
    for (const message of await lastOf(reader, range, asked.last)) write(message);
    return;
  }
  const from =
    asked.sinceMs === undefined
      ? (asked.from ?? 1)
      : await sequenceSince(reader, nats.jsm, Date.now() - asked.sinceMs);
  let written = 0;
  for await (const message of messagesOf(reader, { ...range, from })) {
    if (written === asked.limit) {
      terminal.err(`jetstream-channel: there are more: --from ${message.sequence}\n`);
      return;
    }
    write(message);
    written += 1;
  }
}

interface Range {
  from: number;
  to: number;
  subject: string | undefined;
}

async function* messagesOf(reader: StreamReader, { from, to, subject }: Range) {
  for (let next = from; next <= to; ) {
    const message = await messageFrom(reader, next, subject);
    // What came meanwhile is for the next time.
    if (message === undefined || message.sequence > to) return;
    yield message;
    next = message.sequence + 1;
  }
}

async function lastOf(reader: StreamReader, range: Range, wanted: number): Promise<KeptMessage[]> {
  const found: KeptMessage[] = [];
  for (let to = range.to; found.length < wanted; ) {
    const message = await lastUpTo(reader, { ...range, to });
    if (message === undefined) break;
    found.unshift(message);
    to = message.sequence - 1;
  }
  return found;
}

/** Finds the last message of a range in few requests, whatever gaps there are where messages went or have other subjects. */
async function lastUpTo(
  reader: StreamReader,
  { from, to, subject }: Range,
): Promise<KeptMessage | undefined> {
  const firstSince = async (sequence: number) => {
    const message = await messageFrom(reader, sequence, subject);
    return message !== undefined && message.sequence <= to ? message : undefined;
  };
  let found: KeptMessage | undefined;
  for (let width = 1, start = to + 1; found === undefined && start > from; width *= 2) {
    start = Math.max(from, to - width + 1);
    found = await firstSince(start);
  }
  // What was found is the first of its part; the last one is behind it, by halves.
  for (let low = (found?.sequence ?? to) + 1, high = to; low <= high; ) {
    const middle = Math.floor((low + high) / 2);
    const later = await firstSince(middle);
    if (later === undefined) high = middle - 1;
    else {
      found = later;
      low = later.sequence + 1;
    }
  }
  return found;
}

function lineOf(message: KeptMessage, stream: string, output: "events" | "messages"): string {
  const { sequence, subject } = message;
  const storedAt = new Date(message.storedAt).toISOString();
  const event = eventFromMessage({ ...message, stream, storedAt: () => storedAt });
  const body = Buffer.from(event.structured?.body ?? jsonBody(event)).toString();
  // Line ends stand between the words of JSON, never in a text.
  const line = body.replaceAll(/[\r\n]+/g, " ").trim();
  if (output === "events") return `${line}\n`;
  const head = JSON.stringify({ sequence, subject, storedAt });
  return `${head.slice(0, -1)},"event":${line}}\n`;
}
