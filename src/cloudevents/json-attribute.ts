import { checkAttributeText, InvalidEventError } from "./attributes.ts";
import { QUOTE } from "./json-grammar.ts";
import type { JsonMembers } from "./json-members.ts";
import { type JsonSource, stringAt, textAt } from "./json-string.ts";

/**
 * Reads an attribute's value as text (JSON format §2.2): a string, and for extensions also a boolean or an integer of 32
 * bits. Undefined for null, which means that it is not set. Throws InvalidEventError for anything else.
 */
export function readAttribute(
  source: JsonSource,
  { valueStart, valueEnd }: JsonMembers,
  name: string,
): string | undefined {
  if (source.bytes[valueStart] === QUOTE) {
    const text = stringAt(source, valueStart, valueEnd);
    checkAttributeText(name, text);
    return text;
  }
  const literal = textAt(source, valueStart, valueEnd);
  if (literal === "null") {
    return undefined;
  }
  if (isCoreAttribute(name)) {
    throw new InvalidEventError(`The attribute ${name} must be a JSON string.`);
  }
  if (literal !== "true" && literal !== "false" && !isInteger(literal)) {
    throw new InvalidEventError(
      `The attribute ${name} must be a JSON string, boolean or integer from -2147483648 to 2147483647.`,
    );
  }
  return literal;
}

function isCoreAttribute(name: string): boolean {
  switch (name) {
    case "specversion":
    case "id":
    case "source":
    case "type":
    case "subject":
    case "time":
    case "dataschema":
    case "datacontenttype":
      return true;
    default:
      return false;
  }
}

function isInteger(literal: string): boolean {
  if (!/^-?\d{1,10}$/.test(literal)) {
    return false;
  }
  const value = Number(literal);
  return value >= -2147483648 && value <= 2147483647;
}
