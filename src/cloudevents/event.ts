/** An event on its way to a destination, in binary-mode form. */
export interface Event {
  /** Names without `ce-`, values header-encoded, with `specversion`, `id`, `source` and `type`, without `datacontenttype`. */
  attributes: [name: string, headerValue: string][];
  /** The data content type, as a binary-mode delivery carries it. */
  contentType: string | undefined;
  data: Uint8Array;
  /** When the event is stored in structured mode: the very bytes. */
  structured: { contentType: string; body: Uint8Array } | undefined;
  /** HTTP headers that travel with the event, names in lower case. */
  passThrough: [name: string, value: string][];
}

/** Finds an attribute's value by its name. */
export function attributeOf(attributes: Event["attributes"], name: string): string | undefined {
  for (const attribute of attributes) {
    if (attribute[0] === name) {
      return attribute[1];
    }
  }
  return undefined;
}

/**
 * Tells whether an HTTP header, its name in lower case, is handed on with an event: Knative's `x-request-id`,
 * `retry-after`, `knative-*` and `x-b3-*` (channel specification, observability and data plane), and W3C trace context.
 */
export function isPassThroughHeader(lowerName: string): boolean {
  switch (lowerName.charCodeAt(0)) {
    case 0x78: // x
      return lowerName === "x-request-id" || lowerName.startsWith("x-b3-");
    case 0x6b: // k
      return lowerName.startsWith("knative-");
    case 0x74: // t
      return lowerName === "traceparent" || lowerName === "tracestate";
    case 0x72: // r
      return lowerName === "retry-after";
    case 0x62: // b
      return lowerName === "baggage";
    default:
      return false;
  }
}
