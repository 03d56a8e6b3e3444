// Nothing that is read here lies deeper; what does is left as it is, so that no depth can exhaust the stack.
const DEEPEST = 32;

/**
 * Copies a value read from YAML or JSON without the fields of objects that are null, which Kubernetes too takes as absent. Shared and
 * cyclic parts (YAML aliases) are copied once, so that a small text cannot grow.
 */
export function withoutNulls(value: unknown): unknown {
  return copyOf(value, new Map(), DEEPEST);
}

function copyOf(value: unknown, copies: Map<object, unknown>, levels: number): unknown {
  if (typeof value !== "object" || value === null || levels === 0) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    copies.set(value, list);
    for (const item of value) list.push(copyOf(item, copies, levels - 1));
    return list;
  }
  const object: Record<string, unknown> = {};
  copies.set(value, object);
  for (const [key, field] of Object.entries(value)) {
    if (field === null) continue;
    // Not an assignment: a key "__proto__" must stay a key.
    Object.defineProperty(object, key, {
      value: copyOf(field, copies, levels - 1),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return object;
}
