import { JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { headersIn, type MessageHeaders } from "./delivery.ts";

/** Is a message as a stream keeps it, read without a consumer. */
export interface KeptMessage {
  subject: string;
  sequence: number;
  /** When the server stored it, RFC 3339. */
  storedAt: string;
  headers: MessageHeaders;
  data: Uint8Array;
}

/** Is where messages are read. */
export interface StreamReader {
  nc: NatsConnection;
  /** `$JS.API`, or with the domain. */
  apiPrefix: string;
  stream: string;
}

interface Answer {
  error?: ConstructorParameters<typeof JetStreamApiError>[0];
  message?: { subject: string; seq: number; time: string; hdrs?: string; data?: string };
}

const NO_MESSAGE_FOUND = 10037;
const ANSWER_WITHIN_MS = 5_000;

/**
 * Reads the first message from a sequence on whose subject matches; undefined when there is none. It asks itself, since the client
 * throws for headers that are not to its liking, which any NATS producer may have written.
 */
export async function messageFrom(
  { nc, apiPrefix, stream }: StreamReader,
  sequence: number,
  subject = ">",
): Promise<KeptMessage | undefined> {
  const request = JSON.stringify({ seq: sequence, next_by_subj: subject });
  const reply = await nc.request(`${apiPrefix}.STREAM.MSG.GET.${stream}`, request, {
    timeout: ANSWER_WITHIN_MS,
  });
  const { error, message } = reply.json<Answer>();
  if (error?.err_code === NO_MESSAGE_FOUND) return undefined;
  if (error !== undefined) throw new JetStreamApiError(error);
  if (message === undefined) throw new Error(`stream ${stream} answers without a message`);
  return {
    subject: message.subject,
    sequence: message.seq,
    storedAt: message.time,
    headers: headersIn(Buffer.from(message.hdrs ?? "", "base64").toString()),
    data: Buffer.from(message.data ?? "", "base64"),
  };
}

/** Finds the first sequence that was stored at a time or later, by halves; one behind the last where none was. */
export async function sequenceSince(
  reader: StreamReader,
  jsm: JetStreamManager,
  sinceMs: number,
): Promise<number> {
  const { state } = await jsm.streams.info(reader.stream);
  let low = state.first_seq;
  let high = state.last_seq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = await messageFrom(reader, middle);
    if (found === undefined || Date.parse(found.storedAt) >= sinceMs) high = middle;
    else low = found.sequence + 1;
  }
  return low;
}
