import { isDeepStrictEqual } from "node:util";

/**
 * Tells whether two values of a stream's or consumer's field mean the same: servers leave out, or fill
 * in, what is off, empty or 0, and keep neither the order of keys and of lists nor the spelling of a time.
 */
export function isSameValue(field: string, left: unknown, right: unknown): boolean {
  // Nearly always so: a thousand streams are compared every half minute.
  if (left === right) return true;
  const [a, b] = [left, right].map((value) =>
    // The word for off; in other fields it is the user's own.
    field === "compression" && value === "none" ? undefined : simplified(value, field),
  );
  return isDeepStrictEqual(a, b);
}

function simplified(value: unknown, key = ""): unknown {
  if (value === null || value === "" || value === false || value === 0) return undefined;
  if (key === "opt_start_time" && typeof value === "string") return Date.parse(value);
  if (Array.isArray(value)) {
    const items = value.map((one) => JSON.stringify(simplified(one))).sort();
    return items.length === 0 ? undefined : items;
  }
  if (typeof value !== "object") return value;
  const entries = Object.entries(value)
    .map(([name, one]) => [name, simplified(one, name)] as const)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
