import { isUtf8 } from "node:buffer";
import { decodeHeaderValue, isAttributeName } from "./attributes.ts";
import { attributeOf, type Event } from "./event.ts";
import { isJsonText } from "./json-members.ts";
import { bufferOf } from "./json-string.ts";
import { isJsonType, isTextType } from "./media-type.ts";

const CLOSE = Buffer.from("}");

/**
 * Writes an event in the JSON format (CloudEvents JSON format §3; 0.3 likewise). Attributes become JSON strings. JSON
 * data stand in it byte for byte; text and XML in UTF-8 become a JSON string; all else, JSON that is none included,
 * becomes base64 (`data_base64`, in 0.3 `data` with `datacontentencoding`).
 */
export function jsonBody(event: Event): Buffer {
  const { contentType, data } = event;
  const isOldVersion = attributeOf(event.attributes, "specversion") === "0.3";
  let head = "{";
  for (const [name, value] of event.attributes) {
    // In 0.3 this tells how a string holds the data, which is decided anew here; in binary mode it means nothing.
    if (isAttributeName(name) && !(isOldVersion && name === "datacontentencoding")) {
      head += `${head === "{" ? "" : ","}"${name}":${JSON.stringify(textOf(name, value))}`;
    }
  }
  if (contentType !== undefined) {
    head += `,"datacontenttype":${JSON.stringify(contentType)}`;
  }
  if (data.length === 0) {
    return Buffer.from(`${head}}`);
  }
  if (isJsonType(contentType) && isJsonText(data)) {
    return Buffer.concat([Buffer.from(`${head},"data":`), data, CLOSE]);
  }
  const buffer = bufferOf(data);
  if (contentType !== undefined && isTextType(contentType) && isUtf8(data)) {
    return Buffer.from(`${head},"data":${JSON.stringify(buffer.toString())}}`);
  }
  const base64 = `"${buffer.toString("base64")}"`;
  return Buffer.from(
    isOldVersion
      ? `${head},"datacontentencoding":"base64","data":${base64}}`
      : `${head},"data_base64":${base64}}`,
  );
}

function textOf(name: string, value: string): string {
  const text = decodeHeaderValue(value);
  // A URI's own %20, of a sender that encodes nothing, stands for itself: with a space it would be no URI.
  return name === "source" && /\s/.test(text) ? value : text;
}
