const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = { k: 3, M: 6, G: 9, T: 12, P: 15 };
const BINARY_EXPONENTS: Readonly<Record<string, number>> = {
  Ki: 10,
  Mi: 20,
  Gi: 30,
  Ti: 40,
  Pi: 50,
};
const QUANTITY = /^(\d{1,16}(?:\.\d{1,16})?)([kMGTP]|[KMGTP]i)?$/;
const SCIENTIFIC = /^\d{1,16}(?:\.\d{1,16})?[eE]\+?\d{1,2}$/;

/**
 * Parses a Kubernetes quantity of bytes (`128Mi`, `64M`, `1.5Gi`, `1e6`, or a plain number) into a whole number of bytes.
 * Throws a RangeError whose sentence shows the value and an example; parts of a byte and negative sizes are refused.
 */
export function parseQuantity(value: string | number): number {
  const bytes = bytesOf(String(value));
  if (!Number.isSafeInteger(bytes)) {
    const given = JSON.stringify(String(value).slice(0, 64));
    throw new RangeError(`a whole number of bytes like "128Mi" or 64000000 expected, got ${given}`);
  }
  return bytes;
}

function bytesOf(text: string): number {
  if (SCIENTIFIC.test(text)) return Number(text);
  const [, digits, suffix = ""] = QUANTITY.exec(text) ?? [];
  const binary = BINARY_EXPONENTS[suffix];
  if (binary !== undefined) return Number(digits) * 2 ** binary;
  // The exponent goes into the reading of the digits, since 1.1 * 1000 is 1100.0000000000002.
  return Number(`${digits}e${DECIMAL_EXPONENTS[suffix] ?? 0}`);
}
