import { Buffer } from "node:buffer";

const longFormFrom = 0x80;

/** Encodes one DER element: tag, length, content (X.690 §8.1). */
export function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), derLength(content.length), content]);
}

function derLength(length: number): Buffer {
  if (length < longFormFrom) {
    return Buffer.from([length]);
  }
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.from([longFormFrom | bytes.length]), bytes]);
}

/** Encodes a SEQUENCE. */
export function sequence(...elements: Buffer[]): Buffer {
  return der(0x30, ...elements);
}

/** Encodes a SET of one element. */
export function setOf(element: Buffer): Buffer {
  return der(0x31, element);
}

/** Encodes an INTEGER that is not negative, from its bytes, the most significant first. */
export function integer(bytes: Buffer): Buffer {
  const needsSign = ((bytes[0] ?? 0) & 0x80) !== 0;
  return der(0x02, needsSign ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** Encodes an OBJECT IDENTIFIER such as `2.5.4.3`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) {
    digits.unshift((rest & 0x7f) | 0x80);
  }
  return digits;
}

/** Encodes a UTF8String. */
export function utf8String(text: string): Buffer {
  return der(0x0c, Buffer.from(text));
}

/** Encodes a BOOLEAN that is true. */
export function derTrue(): Buffer {
  return der(0x01, Buffer.from([0xff]));
}

/** Encodes a BIT STRING of whole bytes. */
export function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.from([0]), bytes);
}

/** Encodes an OCTET STRING. */
export function octetString(bytes: Buffer): Buffer {
  return der(0x04, bytes);
}

/** Encodes a moment as UTCTime, which ends with the year 2049. */
export function utcTime(moment: Date): Buffer {
  const digits = moment.toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}
