/**
 * Compares an object of the API server with what we want of it: every field that we want must be there with its value; what others have added
 * is theirs. What is empty need not be there. Lists must be equal in length, order and content, but for lists of named items, of which others may have added some.
 */

/** Tells whether an object has all that is wanted of it. */
export function isAsDesired(actual: unknown, desired: unknown): boolean {
  return holds(actual, desired, "");
}

// What the API server writes in another way than it was given.
const QUANTITIES = new Set(["requests", "limits"]);

function holds(actual: unknown, desired: unknown, under: string): boolean {
  if (desired === undefined || ((actual ?? undefined) === undefined && isEmpty(desired)))
    return true;
  if (Array.isArray(desired)) return Array.isArray(actual) && listHolds(actual, desired);
  if (typeof desired !== "object" || desired === null) {
    return actual === desired || (QUANTITIES.has(under) && isSameQuantity(actual, desired));
  }
  if (typeof actual !== "object" || actual === null) return false;
  return Object.entries(desired).every(([key, value]) =>
    holds((actual as Record<string, unknown>)[key], value, QUANTITIES.has(under) ? under : key),
  );
}

function listHolds(actual: unknown[], desired: unknown[]): boolean {
  if (desired.every(isNamed)) {
    return desired.every((item) => {
      const same = actual.find((other) => isNamed(other) && other.name === item.name);
      return same !== undefined && holds(same, item, "");
    });
  }
  return (
    actual.length === desired.length &&
    desired.every((item, index) => holds(actual[index], item, ""))
  );
}

/** The API server leaves out what is empty. */
function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === "";
  return Object.keys(value).length === 0;
}

function isNamed(item: unknown): item is { name: string } {
  return (
    typeof item === "object" && item !== null && "name" in item && typeof item.name === "string"
  );
}

const FACTORS: Readonly<Record<string, number>> = {
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

function isSameQuantity(actual: unknown, desired: unknown): boolean {
  const [left, right] = [amountOf(actual), amountOf(desired)];
  // As near as floating point comes.
  return Math.abs(left - right) <= Math.abs(right) * 1e-9;
}

function amountOf(quantity: unknown): number {
  const [, digits, suffix = ""] = /^([\d.]+(?:[eE]\d+)?)([a-zA-Z]*)$/.exec(String(quantity)) ?? [];
  return Number(digits) * (FACTORS[suffix] ?? Number.NaN);
}
