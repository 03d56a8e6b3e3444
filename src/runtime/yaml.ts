import { loadAll, YAMLException } from "js-yaml";
import { errorMessage } from "./errors.ts";

/**
 * Parses the documents of a YAML text. Throws an error of one line with the place of the fault, and
 * without the text around it, which js-yaml shows: it may hold a password.
 */
export function parseYaml(text: string): unknown[] {
  let fault: unknown;
  try {
    return loadAll(text);
  } catch (error) {
    fault = error;
  }
  if (!(fault instanceof YAMLException)) throw new Error(errorMessage(fault));
  const { reason, mark } = fault;
  const place = mark ? ` (line ${mark.line + 1}, column ${mark.column + 1})` : "";
  throw new Error(`it is not YAML: ${reason}${place}`);
}
