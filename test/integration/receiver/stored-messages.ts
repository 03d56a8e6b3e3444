/** Looks at what is stored in a stream, byte for byte, through the JetStream API and without a client's parser. */
import type { NatsConnection } from "@nats-io/transport-node";
import { eventually } from "../../support/eventually.ts";

/** Holds a stored message: its header block as it lies there, one character per byte, and its data. */
export interface StoredBytes {
  sequence: number;
  subject: string;
  headers: string;
  data: Buffer;
}

interface ApiAnswer {
  error?: { code: number; description: string };
  message?: { subject: string; seq: number; hdrs?: string; data?: string };
  state?: { messages: number; last_seq: number };
}

async function ask(nc: NatsConnection, subject: string, request: unknown): Promise<ApiAnswer> {
  // After a fault the connection of the test may come back later than the dispatcher's; what is sent meanwhile is lost.
  const reply = await eventually(
    () => nc.request(`$JS.API.STREAM.${subject}`, JSON.stringify(request), { timeout: 1_000 }),
    { within: 10_000, what: `an answer to ${subject}` },
  );
  const answer = reply.json<ApiAnswer>();
  if (answer.error !== undefined) throw new Error(`${subject}: ${answer.error.description}`);
  return answer;
}

/** Gives one message of a stream, by its sequence. */
export async function storedAt(
  nc: NatsConnection,
  stream: string,
  sequence: number,
): Promise<StoredBytes> {
  const { message } = await ask(nc, `MSG.GET.${stream}`, { seq: sequence });
  if (message === undefined) throw new Error(`${stream} has no message ${sequence}`);
  return {
    sequence: message.seq,
    subject: message.subject,
    headers: Buffer.from(message.hdrs ?? "", "base64").toString("latin1"),
    data: Buffer.from(message.data ?? "", "base64"),
  };
}

/** Gives the newest message of a stream. */
export async function lastStored(nc: NatsConnection, stream: string): Promise<StoredBytes> {
  return await storedAt(nc, stream, await lastSequence(nc, stream));
}

/** Gives the sequence of a stream's newest message; 0 when there was none. It grows by one per event stored. */
export async function lastSequence(nc: NatsConnection, stream: string): Promise<number> {
  const { state } = await ask(nc, `INFO.${stream}`, {});
  return state?.last_seq ?? 0;
}

/** Gives every message of a stream that nothing was deleted from. */
export async function allStored(nc: NatsConnection, stream: string): Promise<StoredBytes[]> {
  const last = await lastSequence(nc, stream);
  const messages: StoredBytes[] = [];
  const batch = 64;
  for (let first = 1; first <= last; first += batch) {
    const sequences = Array.from(
      { length: Math.min(batch, last - first + 1) },
      (_, i) => first + i,
    );
    messages.push(...(await Promise.all(sequences.map((each) => storedAt(nc, stream, each)))));
  }
  return messages;
}

/** Reads one header's value out of a header block; undefined when it is not there. */
export function headerOf({ headers }: StoredBytes, name: string): string | undefined {
  return headers
    .split("\r\n")
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2);
}
