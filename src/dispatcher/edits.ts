/*
 * Edits: what a stream or consumer has otherwise than its channel says, and how that is carried out.
 *
 * Used by stream.ts and consumer.ts. An edit that cannot be carried out is a sentence for the status,
 * and never stops the channel. Which edits there are, and which must not be tried, is decided in
 * stream-config.ts and consumer-config.ts.
 */
import { isConsumerNotFound, isRefusal, refusalSentence } from "../nats/errors.ts";

/** A field that is otherwise on the server than its channel says. */
export interface Edit {
  /** NATS' name of the field. */
  field: string;
  /** The path of the channel's spec that decides it. */
  path: string;
  from: unknown;
  to: unknown;
  /** Further fields that the server takes only together with it. */
  with?: Record<string, unknown>;
  /** Why it is not even tried; undefined when it is. */
  obstacle: string | undefined;
}

/** A field of the spec that is not carried out, and why; the channel works without it. */
export interface Unapplied {
  path: string;
  reason: string;
}

/** What the edits came to. */
export interface CarriedOut<Info> {
  info: Info;
  applied: Edit[];
  unapplied: Unapplied[];
  /** Whether it was the server that refused one, which may end without an edit of the channel. */
  isRefused: boolean;
}

const NANOS_PER_MS = 1_000_000;
const DURATIONS: readonly string[] = ["max_age", "duplicate_window", "ack_wait"];
const MAXIMA = /^max_/;

/**
 * Carries out the edits that have no obstacle: in one update, or, when the server refuses that, one by
 * one, so that one refused field does not keep the others. `isNeeded` asks for an update even without
 * edits. Throws what is no refusal of an edit.
 */
export async function carryOut<Info>(
  edits: readonly Edit[],
  options: {
    current: Info;
    isNeeded: boolean;
    update: (fields: Record<string, unknown>) => Promise<Info>;
  },
): Promise<CarriedOut<Info>> {
  const { current, isNeeded, update } = options;
  const possible = edits.filter(({ obstacle }) => obstacle === undefined);
  const unapplied = edits.flatMap((edit) =>
    edit.obstacle === undefined ? [] : [unappliedFor(edit, edit.obstacle)],
  );
  if (possible.length === 0) {
    const info = isNeeded ? await update({}) : current;
    return { info, applied: [], unapplied, isRefused: false };
  }
  const all = await tryUpdate(possible, update);
  if (all.ok) return { info: all.info, applied: possible, unapplied, isRefused: false };
  const start = isNeeded ? await update({}) : current;
  const first = { edit: possible[0] as Edit, reason: all.reason };
  const { refused, ...rest } =
    possible.length === 1
      ? { info: start, applied: [], refused: [first] }
      : await oneByOne(possible, start, update);
  const reasons = refused.map(({ edit, reason }) => unappliedFor(edit, reason));
  return { ...rest, unapplied: [...unapplied, ...reasons], isRefused: refused.length > 0 };
}

/** Goes over the edits until none of those left is taken: one may have to wait for another (a window for an age). */
async function oneByOne<Info>(
  edits: readonly Edit[],
  current: Info,
  update: (fields: Record<string, unknown>) => Promise<Info>,
): Promise<{ info: Info; applied: Edit[]; refused: { edit: Edit; reason: string }[] }> {
  const applied: Edit[] = [];
  let info = current;
  let left = edits;
  for (;;) {
    const refused: { edit: Edit; reason: string }[] = [];
    for (const edit of left) {
      const result = await tryUpdate([edit], update);
      if (result.ok) {
        info = result.info;
        applied.push(edit);
      } else refused.push({ edit, reason: result.reason });
    }
    if (refused.length === 0 || refused.length === left.length) return { info, applied, refused };
    left = refused.map(({ edit }) => edit);
  }
}

async function tryUpdate<Info>(
  edits: readonly Edit[],
  update: (fields: Record<string, unknown>) => Promise<Info>,
): Promise<{ ok: true; info: Info } | { ok: false; reason: string }> {
  try {
    const fields = edits.map(({ field, to, with: others }) => ({ ...others, [field]: to }));
    const info = await update(Object.assign({}, ...fields) as Record<string, unknown>);
    return { ok: true, info };
  } catch (error) {
    if (!isRefusal(error) || isConsumerNotFound(error)) throw error;
    return { ok: false, reason: `NATS refuses it: ${refusalSentence(error)}` };
  }
}

function unappliedFor({ path, field, from, to }: Edit, reason: string): Unapplied {
  return {
    path,
    reason: `${shownValue(field, from)} stays, ${shownValue(field, to)} is not applied: ${reason}`,
  };
}

/** Writes a field's value as its channel would: `90s`, `no maximum`, `"file"`. */
export function shownValue(field: string, value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (MAXIMA.test(field) && (value === -1 || value === 0)) return "no maximum";
  if (DURATIONS.includes(field) && typeof value === "number") {
    const ms = value / NANOS_PER_MS;
    return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
  }
  return JSON.stringify(value);
}
