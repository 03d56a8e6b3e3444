import type { Msg } from "@nats-io/transport-node";
import { NANOS_PER_MS } from "./jetstream.ts";

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
  const offset = countOffset(tokens);
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

/** Tells whether a reply subject is of a delivery of this consumer, or of another of its name. */
export function isDeliveryOf(reply: string, stream: string, consumer: string): boolean {
  const tokens = reply.split(".");
  const offset = countOffset(tokens);
  return tokens[offset - 2] === stream && tokens[offset - 1] === consumer;
}

function countOffset(tokens: string[]): number {
  return tokens.length === V1_TOKENS ? V1_OFFSET : V2_OFFSET;
}

/**
 * Gives a message's bytes, copied where they would keep a much larger piece of the socket's stream
 * in memory for as long as the message is held.
 */
export function ownedData(message: Msg): Uint8Array {
  const { data } = message;
  return data.byteLength * 2 < data.buffer.byteLength ? Buffer.from(data) : data;
}

/** Message headers in the order of their first appearance: name, values. */
export type MessageHeaders = [name: string, values: string[]][];

/** The part of the client's message that holds its bytes as they came: headers, then data. */
interface MessageBytes {
  _rdata: Uint8Array;
  _msg: { hdr: number };
}

/**
 * Reads a message's headers whatever they are. `Msg.headers` throws for the whole block when one name
 * or value is not to its liking, and any NATS producer may send such a block; a message that cannot
 * be read would stop its subscriber for good. The client has no public way to the bytes, so this
 * looks into its message. Names are case-sensitive, as in NATS; lines without a colon are no headers.
 */
export function messageHeaders(message: Msg): MessageHeaders {
  const { _rdata: bytes, _msg } = message as unknown as MessageBytes;
  if (_msg.hdr <= 0) return [];
  return headersIn(Buffer.from(bytes.buffer, bytes.byteOffset, _msg.hdr).toString());
}

/** Reads a block of headers as `messageHeaders` does. */
export function headersIn(block: string): MessageHeaders {
  const headers: MessageHeaders = [];
  // The first line is the version.
  for (let start = block.indexOf("\r\n") + 2; start < block.length; ) {
    const next = block.indexOf("\r\n", start);
    const end = next === -1 ? block.length : next;
    const colon = block.indexOf(":", start);
    if (colon > start && colon < end) {
      const name = block.slice(start, colon);
      const value = block.slice(colon + 1, end).trim();
      const known = headers.find(([each]) => each === name);
      if (known === undefined) headers.push([name, [value]]);
      else known[1].push(value);
    }
    start = end + 2;
  }
  return headers;
}

const STATUS_OFFSET = "NATS/1.0 ".length;
const ZERO = "0".charCodeAt(0);

/** Reads the code of a status message without its headers, which cost more; 0 when there is none. */
export function statusCodeOf(message: Msg): number {
  const { _rdata: bytes, _msg } = message as unknown as MessageBytes;
  if (_msg.hdr < STATUS_OFFSET + 3) return 0;
  let code = 0;
  for (let index = STATUS_OFFSET; index < STATUS_OFFSET + 3; index++) {
    const digit = (bytes[index] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return 0;
    code = code * 10 + digit;
  }
  return code;
}

/** Tells how many bytes a message holds: its data and its headers. */
export function messageBytes(message: Msg): number {
  const { _msg } = message as unknown as MessageBytes;
  return message.data.byteLength + Math.max(0, _msg.hdr);
}
