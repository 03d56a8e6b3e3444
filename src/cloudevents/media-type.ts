const CLOUDEVENTS = "application/cloudevents";

/** The media type of one event in the JSON format (CloudEvents JSON format §3). */
export const JSON_EVENT_TYPE = "application/cloudevents+json";

/**
 * Tells which event format a content type names: `json`, `batch` (JSON batch), `other` (a CloudEvents type we cannot
 * read), or undefined when it begins with no CloudEvents type and the message is in binary mode (HTTP binding §3).
 */
export function eventFormat(contentType: string): "json" | "batch" | "other" | undefined {
  if (contentType.length < CLOUDEVENTS.length || (contentType.charCodeAt(0) | 0x20) !== 0x61) {
    return undefined;
  }
  const type = essence(contentType);
  if (!type.startsWith(CLOUDEVENTS)) {
    return undefined;
  }
  if (type === JSON_EVENT_TYPE || type === CLOUDEVENTS) {
    return "json";
  }
  return type.startsWith(`${CLOUDEVENTS}-batch`) ? "batch" : "other";
}

/** Tells whether a content type declares JSON data; so does a missing one (CloudEvents JSON format §3.1). */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === "application/json") {
    return true;
  }
  const type = essence(contentType);
  return type.endsWith("/json") || type.endsWith("+json");
}

/** Tells whether data of a content type are text that can stand in UTF-8 as a string: `text/*` and XML, unless a charset other than UTF-8 or ASCII is named. */
export function isTextType(contentType: string): boolean {
  const type = essence(contentType);
  if (!type.startsWith("text/") && !type.endsWith("/xml") && !type.endsWith("+xml")) {
    return false;
  }
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType)?.[1]?.toLowerCase();
  return (
    charset === undefined || charset === "utf-8" || charset === "utf8" || charset === "us-ascii"
  );
}

function essence(contentType: string): string {
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}
