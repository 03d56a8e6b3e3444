/**
 * Runs a collector's side of OTLP over HTTP: takes spans at /v1/traces in protobuf and keeps what a test looks at. The few fields are
 * read by their numbers in opentelemetry-proto, so that nothing of the sender's library reads what it wrote itself.
 */
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { eventually } from "./eventually.ts";

/** Holds a span that came. Ids are hexadecimal; `parentSpanId` is empty for the first of a trace. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: "server" | "client" | "other";
  attributes: Record<string, string | number>;
  /** Why it failed; undefined when it did not. */
  fault: string | undefined;
  /** Says who made it. */
  resource: Record<string, string | number>;
}

/** Holds a running collector. */
export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Waits until as many spans have come in all. */
  waitFor(count: number): Promise<readonly ReceivedSpan[]>;
  close(): Promise<void>;
}

/** Starts a collector on a port that the system picks, or on a given one. */
export async function startOtlpReceiver(port = 0): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url !== "/v1/traces") return response.writeHead(404).end();
    spans.push(...spansIn(Buffer.concat(chunks)));
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    waitFor: (count) =>
      eventually(() => spans.length >= count && spans, {
        within: 30_000,
        what: `${count} spans, having ${spans.map(({ name }) => name).join(", ")}`,
      }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A message's fields by their numbers: bytes, or the number that a varint or fixed field holds. */
type Fields = Map<number, (Buffer | number)[]>;

function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, type] = [Math.floor(tag / 8), tag % 8];
    const value = type === 0 ? varint() : take(type === 2 ? varint() : type === 1 ? 8 : 4);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

function partsOf(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).map((part) => fieldsOf(part as Buffer));
}

function textOf(fields: Fields, field: number, encoding: BufferEncoding = "utf8"): string {
  return ((fields.get(field)?.[0] ?? "") as Buffer | string).toString(encoding as "utf8");
}

function attributesOf(fields: Fields | undefined, field: number): Record<string, string | number> {
  const pairs = fields === undefined ? [] : partsOf(fields, field);
  return Object.fromEntries(
    pairs.map((pair) => {
      const [value = new Map() as Fields] = partsOf(pair, 2);
      const number = value.get(3)?.[0];
      return [textOf(pair, 1), typeof number === "number" ? number : textOf(value, 1)];
    }),
  );
}

const KINDS: Record<number, ReceivedSpan["kind"]> = { 2: "server", 3: "client" };
const ERROR = 2;

function spansIn(bytes: Buffer): ReceivedSpan[] {
  return partsOf(fieldsOf(bytes), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(partsOf(resourceSpans, 1)[0], 1);
    const scopes = partsOf(resourceSpans, 2);
    return scopes.flatMap((scope) => partsOf(scope, 2).map((span) => spanOf(span, resource)));
  });
}

function spanOf(span: Fields, resource: ReceivedSpan["resource"]): ReceivedSpan {
  const [status = new Map() as Fields] = partsOf(span, 15);
  return {
    traceId: textOf(span, 1, "hex"),
    spanId: textOf(span, 2, "hex"),
    parentSpanId: textOf(span, 4, "hex"),
    traceState: textOf(span, 3),
    name: textOf(span, 5),
    kind: KINDS[span.get(6)?.[0] as number] ?? "other",
    attributes: attributesOf(span, 9),
    fault: status.get(3)?.[0] === ERROR ? textOf(status, 2) : undefined,
    resource,
  };
}
