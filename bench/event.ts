import { headers, type MsgHdrs } from "@nats-io/transport-node";

/** How many bytes of data every event has. */
export const dataBytes = 250;

const openData = '{"note":"';
const closeData = '"}';

/** The data of every event: a JSON object of 250 bytes. */
export const data = `${openData}${"x".repeat(dataBytes - openData.length - closeData.length)}${closeData}`;

/** The media type of the data. */
export const contentType = "application/json";

/** The attributes of every event but its id, which comes after them; five with it. */
export const attributes: readonly (readonly [name: string, value: string])[] = [
  ["specversion", "1.0"],
  ["type", "dev.benchmark.measured"],
  ["source", "/benchmark/load-generator"],
  ["time", "2025-01-01T00:00:00.000Z"],
];

/** Gives the headers that an event has in a stream (CloudEvents NATS binding, binary mode). */
export function storedHeaders(id: string): MsgHdrs {
  const stored = headers();
  stored.set("Nats-Msg-Id", id);
  for (const [name, value] of attributes) {
    stored.set(`ce-${name}`, value);
  }
  stored.set("ce-id", id);
  stored.set("ce-datacontenttype", contentType);
  return stored;
}
