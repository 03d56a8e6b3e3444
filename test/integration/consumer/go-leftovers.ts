/**
 * What the Go implementation leaves in NATS, made with the JetStream API alone: a stream without metadata, events as
 * structured JSON under no header but Nats-Msg-Id, and a push consumer that acknowledged some of them out of order.
 */
import { type JetStreamManager, jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { eventually } from "../../support/eventually.ts";

/** The uid of the subscriber and the consumer that the Go implementation names after it. */
export const UID = "0a1b-2c3d";
export const CONSUMER = "KN_SUB_0A1B2C3D";
/** Of the events 1 to 12: the floor is 3, and two above it are settled. */
const EVENTS = 12;
const ACKNOWLEDGED = [1, 2, 3, 5, 7];
export const ABOVE_FLOOR = [4, 5, 6, 7, 8, 9, 10, 11, 12];
export const NOT_ACKNOWLEDGED = [4, 6, 8, 9, 10, 11, 12];

/** Names a stream of the Go implementation and its channel. */
export interface GoStream {
  channel: string;
  stream: string;
  subject: string;
  retention: "limits" | "interest" | "workqueue";
}

/** Gives the data of an event; no parser that turns numbers into doubles would give it back as it is. */
export function dataOf(event: number): string {
  return `{"number": ${event}, "price":1.10,"account":12345678901234567890 }`;
}

/** Stores an event as the Go implementation does. */
export async function storeEvent(
  nc: NatsConnection,
  subject: string,
  event: number,
): Promise<void> {
  const json = `{"specversion":"1.0","id":"${event}","source":"/go","type":"test.old","datacontenttype":"application/json","traceparent":"","tracestate":"","data":${dataOf(event)}}`;
  await jetstream(nc).publish(subject, json, { msgID: `${event}` });
}

/** Makes the stream, its events, and the push consumer at its position, which nobody reads any more. */
export async function leaveAsGo(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { stream, subject, retention }: GoStream,
): Promise<void> {
  await jsm.streams.add({ name: stream, subjects: [subject], retention });
  await addPushConsumer(jsm, stream, subject);
  const push = nc.subscribe(deliverSubject(subject), {
    queue: CONSUMER,
    callback: (_error, message) => {
      const { id } = message.json<{ id: string }>();
      if (ACKNOWLEDGED.includes(Number(id))) message.respond("+ACK");
    },
  });
  for (let event = 1; event <= EVENTS; event++) await storeEvent(nc, subject, event);
  const within = 10_000;
  await eventually(
    async () => {
      const info = await jsm.consumers.info(stream, CONSUMER);
      return (
        info.ack_floor.stream_seq === 3 && info.num_ack_pending === EVENTS - ACKNOWLEDGED.length
      );
    },
    { within, what: "the push consumer's position" },
  );
  push.unsubscribe();
  await eventually(async () => (await jsm.consumers.info(stream, CONSUMER)).push_bound !== true, {
    within,
    what: "nobody to read the push consumer",
  });
}

/** Makes the push consumer as the Go implementation does for a subscriber that has none. */
export async function addPushConsumer(
  jsm: JetStreamManager,
  stream: string,
  subject: string,
): Promise<void> {
  await jsm.consumers.add(stream, {
    durable_name: CONSUMER,
    deliver_group: CONSUMER,
    deliver_subject: deliverSubject(subject),
    ack_policy: "explicit",
    deliver_policy: "all",
  });
}

/** Names the subject on which the Go implementation's dispatcher gets a subscriber's events. */
export function deliverSubject(subject: string): string {
  return `${subject}_consumer.0a1b2c3d`;
}
