import { encodeHeaderValue } from "./attributes.ts";
import type { Event } from "./event.ts";
import type { MessageHeaders, StoredMessage } from "./event-from-message.ts";
import { isJsonText } from "./json-members.ts";
import { eventFormat } from "./media-type.ts";

/** The `type` of an event that wraps a message of a native NATS producer. */
const NATIVE_MESSAGE_TYPE = "dev.knative.nats.message";

const WRAPPER_ATTRIBUTES = new Set(["specversion", "id", "source", "type", "time"]);

/**
 * Wraps a message that is no CloudEvent: type `dev.knative.nats.message`, source `/nats/<stream>?subject=<subject>` with
 * both percent-encoded, id `<stream>-<sequence>`, time from the server, and as data the bytes of the message. Other
 * attributes that the producer set are kept as extensions.
 */
export function nativeEvent(message: StoredMessage, headers: MessageHeaders): Event {
  const { stream, subject, sequence, data } = message;
  const source = `/nats/${encodeURIComponent(stream)}?subject=${encodeURIComponent(subject)}`;
  const attributes: Event["attributes"] = [
    ["specversion", "1.0"],
    ["id", encodeHeaderValue(`${stream}-${sequence}`)],
    ["source", encodeHeaderValue(source)],
    ["type", NATIVE_MESSAGE_TYPE],
    ["time", encodeHeaderValue(message.storedAt())],
  ];
  for (const attribute of headers.attributes) {
    if (!WRAPPER_ATTRIBUTES.has(attribute[0])) {
      attributes.push(attribute);
    }
  }
  return {
    attributes,
    contentType: contentTypeOf(data, headers.dataContentType ?? headers.contentType),
    data,
    structured: undefined,
    passThrough: headers.passThrough,
  };
}

function contentTypeOf(data: Uint8Array, said: string | undefined): string | undefined {
  // A CloudEvents type on data that are no event would make a receiver take the wrapped data for the event.
  if (said !== undefined && eventFormat(said) === undefined) {
    return said;
  }
  if (data.length === 0) {
    return undefined;
  }
  return isJsonText(data) ? "application/json" : "application/octet-stream";
}
