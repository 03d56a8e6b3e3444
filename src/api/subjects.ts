/**
 * Says whether NATS takes the text as a subject of a stream or filter: tokens between dots, `*` for one token and `>` for the rest
 * (`orders.*.new`, `orders.>`).
 */
export function isSubject(text: string): boolean {
  const tokens = text.split(".");
  return (
    text.length <= 1024 &&
    isVisible(text) &&
    tokens.every((token, index) => token !== "" && (token !== ">" || index === tokens.length - 1))
  );
}

/** Says whether the text is a subject without wildcards, such as one publishes to. */
export function isLiteralSubject(text: string): boolean {
  return isSubject(text) && !/[*>]/.test(text);
}

/** Says whether NATS takes the text as a stream's name: no white space, none of `. * > / \ ,`, at most 255 characters. */
export function isStreamName(text: string): boolean {
  return text.length > 0 && text.length <= 255 && isVisible(text) && !/[.*>/\\,]/.test(text);
}

/** Says whether one message could match both subjects, wildcards included; the server refuses that within one stream. */
export function subjectsOverlap(first: string, second: string): boolean {
  const left = first.split(".");
  const right = second.split(".");
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [a, b] = [left[index], right[index]];
    if (a === ">" || b === ">") return true;
    if (a !== b && a !== "*" && b !== "*") return false;
  }
  return left.length === right.length;
}

/** Finds the first two overlapping subjects of a list and says which; undefined when there are none, or it is no list of texts. */
export function firstOverlap(subjects: unknown): string | undefined {
  if (!Array.isArray(subjects)) return undefined;
  for (const [index, second] of subjects.entries()) {
    const first = subjects
      .slice(0, index)
      .find((other) => isText(other) && isText(second) && subjectsOverlap(other, second));
    if (first !== undefined) return `"${second}" overlaps with "${first}"`;
  }
  return undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isVisible(text: string): boolean {
  return !/[\s\p{Cc}\p{Cf}]/u.test(text);
}
