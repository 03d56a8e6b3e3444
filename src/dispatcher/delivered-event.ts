import type { Event } from "../cloudevents/event.ts";
import { eventFromMessage } from "../cloudevents/event-from-message.ts";
import { type DeliveryPosition, type Msg, messageHeaders, ownedData } from "../nats/delivery.ts";

/** Reads the event that a delivered message of a stream is. */
export function deliveredEvent(message: Msg, position: DeliveryPosition, stream: string): Event {
  return eventFromMessage({
    subject: message.subject,
    headers: messageHeaders(message),
    data: ownedData(message),
    stream,
    sequence: position.streamSequence,
    storedAt: () => new Date(position.storedAtMs).toISOString(),
  });
}
