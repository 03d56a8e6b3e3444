import type { Msg } from "@nats-io/transport-node";

export type { Msg } from "@nats-io/transport-node";

/** Where and how often the server delivered a message, as its reply subject says. */
export interface DeliveryPosition {
  /** The subject that settles it. */
  reply: string;
  /** 1 for the first delivery. */
  count: number;
  streamSequence: number;
  /** Rises with every delivery of the consumer, redeliveries included. */
  consumerSequence: number;
  /** When the stream stored it, in Unix milliseconds. */
  storedAtMs: number;
  /** Messages that the consumer has yet to deliver. */
  pending: number;
}

const NANOS_PER_MS = 1_000_000;
const V1_TOKENS = 9;
const V1_OFFSET = 4;
const V2_OFFSET = 6;

/**
 * Reads a delivered message's position out of its reply subject:
 * `$JS.ACK.<stream>.<consumer>.<count>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>`, or since
 * nats-server 2.14 optionally with `<domain>.<account hash>` before the stream and more at the end.
 */
export function deliveryPosition(reply: string): DeliveryPosition {
  const tokens = reply.split(".");
  const offset = tokens.length === V1_TOKENS ? V1_OFFSET : V2_OFFSET;
  const number = (index: number): number => Number(tokens[offset + index]);
  return {
    reply,
    count: number(0),
    streamSequence: number(1),
    consumerSequence: number(2),
    storedAtMs: number(3) / NANOS_PER_MS,
    pending: number(4),
  };
}

/**
 * Gives a message's bytes, copied where they would keep a much larger piece of the socket's stream
 * in memory for as long as the message is held.
 */
export function ownedData(message: Msg): Uint8Array {
  const { data } = message;
  return data.byteLength * 2 < data.buffer.byteLength ? Buffer.from(data) : data;
}

/** Tells how many bytes a message holds: its data and its headers. */
export function messageBytes(message: Msg): number {
  let bytes = message.data.byteLength;
  for (const [name, values] of message.headers ?? []) {
    for (const value of values) bytes += name.length + value.length + 4;
  }
  return bytes;
}
