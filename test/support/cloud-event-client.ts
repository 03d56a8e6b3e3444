/** Sends CloudEvents to a server of 127.0.0.1 over kept connections, as an event source in a cluster would. */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";

/** Holds a CloudEvent to send: its data, and its attributes as strings. What the spec requires is filled in. */
export interface TestEvent {
  data?: string | Buffer;
  specversion?: string;
  id?: string;
  source?: string;
  type?: string;
  datacontenttype?: string;
  [attribute: string]: string | Buffer | undefined;
}

/** Says where a client sends to. */
export interface CloudEventClientOptions {
  port: number;
  /** The Host header, which names the channel. */
  host: string;
  path?: string;
  /** Connections at most; 16 unless said. */
  connections?: number;
}

/** Holds an HTTP answer. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Names the parts of a request of any kind. */
export interface RequestParts {
  method?: string;
  path?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
}

/** Sends events; further headers win over those of the event. */
export interface CloudEventClient {
  sendBinary(event: TestEvent, headers?: Record<string, string>): Promise<Answer>;
  sendStructured(event: TestEvent, headers?: Record<string, string>): Promise<Answer>;
  request(parts: RequestParts): Promise<Answer>;
  /** Closes the connections. */
  close(): void;
}

/** Makes a client. Its methods reject when there is no answer at all. */
export function createCloudEventClient(options: CloudEventClientOptions): CloudEventClient {
  const { port, host, path = "/", connections = 16 } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const request = (parts: RequestParts) =>
    new Promise<Answer>((resolve, reject) => {
      const outgoing = httpRequest(
        {
          agent,
          host: "127.0.0.1",
          port,
          method: parts.method ?? "POST",
          path: parts.path ?? path,
          headers: { host, ...parts.headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const body = Buffer.concat(chunks).toString("utf8");
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.end(parts.body);
    });
  return {
    request,
    sendBinary: (event, headers) => {
      const parts = binaryRequest(event);
      return request({ ...parts, headers: { ...parts.headers, ...headers } });
    },
    sendStructured: (event, headers) => {
      const parts = structuredRequest(event);
      return request({ ...parts, headers: { ...parts.headers, ...headers } });
    },
    close: () => agent.destroy(),
  };
}

/** Writes an event in the binary mode of the HTTP binding (§3.1). Attribute values go into the headers as they are. */
export function binaryRequest(event: TestEvent): Required<Pick<RequestParts, "headers" | "body">> {
  const { data, datacontenttype, ...attributes } = complete(event);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    headers[`ce-${name}`] = String(value);
  }
  if (datacontenttype !== undefined) {
    headers["content-type"] = datacontenttype;
  }
  const body = data ?? "";
  headers["content-length"] = String(Buffer.byteLength(body));
  return { headers, body };
}

/**
 * Writes an event in the structured mode of the HTTP binding (§3.2). Bytes become `data_base64`; text is put in verbatim
 * as JSON when the data content type is JSON or absent, so that no digit changes, and else as a JSON string.
 */
export function structuredRequest(
  event: TestEvent,
): Required<Pick<RequestParts, "headers" | "body">> {
  const { data, ...attributes } = complete(event);
  const members = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  if (data !== undefined) {
    members.push(dataMember(data, attributes.datacontenttype ?? "application/json"));
  }
  const body = `{${members.join(",")}}`;
  const headers = {
    "content-type": "application/cloudevents+json; charset=UTF-8",
    "content-length": String(Buffer.byteLength(body)),
  };
  return { headers, body };
}

function dataMember(data: string | Buffer, contentType: string): string {
  if (typeof data !== "string") {
    return `"data_base64":"${data.toString("base64")}"`;
  }
  const isJson = /^[^;]*[/+]json\s*(;|$)/i.test(contentType);
  return `"data":${isJson ? data : JSON.stringify(data)}`;
}

function complete(event: TestEvent): TestEvent {
  return {
    specversion: "1.0",
    id: randomUUID(),
    source: "/test/source",
    type: "test.event",
    ...event,
  };
}
