const GO_UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ns: 1e-6,
};
const GO_PART = /(\d+\.?\d*|\.\d+)(h|ms|m|s|us|\u00b5s|\u03bcs|ns)/g;
const GO_DURATION = new RegExp(`^(?:${GO_PART.source})+$`);

const ISO_DURATION =
  /^P(?=\d|T\d)(?:([\d.,]+)W)?(?:([\d.,]+)D)?(?:T(?=\d)(?:([\d.,]+)H)?(?:([\d.,]+)M)?(?:([\d.,]+)S)?)?$/;
const ISO_PART_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1000];
const ISO_NUMBER = /^\d+(?:[.,]\d+)?$/;

// Go and the NATS server keep a duration as nanoseconds in an int64: about 292 years.
const LONGEST_MS = 2 ** 63 / 1e6;
const LONGEST_TEXT = 64;

/**
 * Parses a duration as Go writes it (`1h30m`, `1.5s`, `300ms`, `10us`, `10µs`, `5ns`, `0`) into milliseconds, fractions kept.
 * Throws a RangeError whose sentence shows the text and an example; a negative duration is refused.
 */
export function parseGoDuration(text: string): number {
  if (text === "0") return 0;
  if (text.startsWith("-")) throw refused(text, "a duration here cannot be negative", "1h30m");
  if (text.length > LONGEST_TEXT || !GO_DURATION.test(text)) {
    throw refused(text, "this is not a Go duration (units h, m, s, ms, us, ns)", "1h30m");
  }
  let totalMs = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(GO_PART)) {
    totalMs += Number(amount) * (GO_UNIT_MS[unit] ?? Number.NaN);
  }
  return bounded(totalMs, text, "1h30m");
}

/**
 * Parses an ISO 8601 duration as Knative's delivery uses it (`PT0.2S`, `PT1H30M`, `P1D`, `P2W`) into milliseconds, fractions kept.
 * Throws a RangeError whose sentence shows the text and an example; negative ones, and years and months, are refused.
 */
export function parseIsoDuration(text: string): number {
  if (text.length > LONGEST_TEXT) throw refused(text, "this is too long", "PT10S");
  if (/^-|^P.*-/.test(text)) {
    throw refused(text, "a duration here cannot be negative", "PT10S");
  }
  if (/^P[^T]*\d[YM]/.test(text)) {
    throw refused(text, "years and months have no fixed length; count in weeks or days", "P30D");
  }
  const parts = ISO_DURATION.exec(text)?.slice(1);
  if (parts === undefined || !hasValidNumbers(parts)) {
    throw refused(text, "this is not an ISO 8601 duration", "PT10S");
  }
  const totalMs = parts.reduce(
    (sum, part, index) => sum + Number(part?.replace(",", ".") ?? 0) * (ISO_PART_MS[index] ?? 0),
    0,
  );
  return bounded(totalMs, text, "PT10S");
}

// ISO 8601 allows a fraction in the smallest given unit only.
function hasValidNumbers(parts: ReadonlyArray<string | undefined>): boolean {
  const given = parts.filter((part) => part !== undefined);
  return given.every(
    (part, index) => ISO_NUMBER.test(part) && (index === given.length - 1 || /^\d+$/.test(part)),
  );
}

function bounded(totalMs: number, text: string, example: string): number {
  if (totalMs >= LONGEST_MS) throw refused(text, "this is longer than 292 years", example);
  // Binary fractions leave noise below a nanosecond (1.001 s is 1000.9999999999999 ms).
  return Math.round(totalMs * 1e6) / 1e6;
}

function refused(text: string, why: string, example: string): RangeError {
  const quoted = JSON.stringify(
    text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text,
  );
  return new RangeError(`a duration like "${example}" expected, got ${quoted}: ${why}`);
}
