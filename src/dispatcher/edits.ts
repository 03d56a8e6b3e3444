/*
 * Edits: what a stream or consumer has otherwise than its channel says, and how that is carried out.
 *
 * Used by stream.ts and consumer.ts. An edit that cannot be carried out is a sentence for the status,
 * and never stops the channel. A server may take an edit and keep what it has all the same, so what it
 * has then counts, and it is not asked again for as long as nothing changes. Which edits there are, and
 * which must not be tried, is decided in stream-changes.ts and consumer-config.ts.
 */
import { isConsumerNotFound, isRefusal, refusalSentence } from "../nats/errors.ts";
import { NANOS_PER_MS } from "../nats/jetstream.ts";
import { isSameValue } from "./same-value.ts";

/** A field that is otherwise on the server than its channel says. */
export interface Edit {
  /** NATS' name of the field. */
  field: string;
  /** The path of the channel's spec that decides it. */
  path: string;
  from: unknown;
  to: unknown;
  /** Asks for the server's own default, which is not known before; `to` is undefined. */
  isReset?: true;
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

export interface EditTarget<Info> {
  /** The stream's or the consumer's name. */
  name: string;
  /** On whose behalf: as long as this is the same object, nothing is asked for twice in vain. */
  channel: object;
  current: Info;
  /** Whether an update is made even without edits. */
  isNeeded: boolean;
  update: (fields: Record<string, unknown>) => Promise<Info>;
  /** Gives the fields as the edits have them. */
  fieldsOf: (info: Info) => Readonly<Record<string, unknown>>;
}

type Values = Readonly<Record<string, unknown>>;
type Refused = { edit: Edit; reason: string };

const DURATIONS: readonly string[] = [
  "max_age",
  "duplicate_window",
  "ack_wait",
  "inactive_threshold",
];
const MAXIMA = /^max_/;

/** What servers have kept, by the channel that asked for something else. */
const askedInVain = new WeakMap<object, Set<string>>();

/**
 * Carries out the edits that have no obstacle: in one update, or, when the server refuses that, one by
 * one, so that one refused field does not keep the others. Throws what is no refusal of an edit.
 */
export async function carryOut<Info>(
  edits: readonly Edit[],
  target: EditTarget<Info>,
): Promise<CarriedOut<Info>> {
  const { current, isNeeded, update } = target;
  const memory = memoryOf(target);
  const values = target.fieldsOf(current);
  const isKept = (edit: Edit) => memory.has(keyOf(edit, target.name, values));
  const open = edits.filter(({ obstacle }) => obstacle === undefined);
  const possible = open.filter((edit) => !isKept(edit));
  const unapplied = [
    ...edits.flatMap((edit) => (edit.obstacle ? [unappliedFor(edit, edit.obstacle)] : [])),
    ...open.filter((edit) => isKept(edit) && !edit.isReset).map(keptFor),
  ];
  if (possible.length === 0) {
    const info = isNeeded ? await update({}) : current;
    return { info, applied: [], unapplied, isRefused: false };
  }
  const { info, taken, refused } = await tryAll(possible, target);
  const { applied, kept } = compare(taken, target.fieldsOf(info), target);
  const reasons = refused.map(({ edit, reason }) => unappliedFor(edit, reason));
  return {
    info,
    applied,
    unapplied: [...unapplied, ...kept, ...reasons],
    isRefused: refused.length > 0,
  };
}

async function tryAll<Info>(
  edits: readonly Edit[],
  { current, isNeeded, update }: EditTarget<Info>,
): Promise<{ info: Info; taken: readonly Edit[]; refused: Refused[] }> {
  const all = await tryUpdate(edits, update);
  if (all.ok) return { info: all.info, taken: edits, refused: [] };
  const start = isNeeded ? await update({}) : current;
  if (edits.length > 1) return await oneByOne(edits, start, update);
  const { reason } = all;
  return { info: start, taken: [], refused: edits.map((edit) => ({ edit, reason })) };
}

/** Goes over the edits until none of those left is taken: one may have to wait for another (a window for an age). */
async function oneByOne<Info>(
  edits: readonly Edit[],
  current: Info,
  update: (fields: Record<string, unknown>) => Promise<Info>,
): Promise<{ info: Info; taken: Edit[]; refused: Refused[] }> {
  const taken: Edit[] = [];
  let info = current;
  let left = edits;
  for (;;) {
    const refused: Refused[] = [];
    for (const edit of left) {
      const result = await tryUpdate([edit], update);
      if (result.ok) {
        info = result.info;
        taken.push(edit);
      } else refused.push({ edit, reason: result.reason });
    }
    if (refused.length === 0 || refused.length === left.length) return { info, taken, refused };
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

/** Tells what the server has really done of the edits that it took, and remembers what it has not. */
function compare<Info>(
  taken: readonly Edit[],
  values: Values,
  target: EditTarget<Info>,
): { applied: Edit[]; kept: Unapplied[] } {
  const applied: Edit[] = [];
  const kept: Unapplied[] = [];
  for (const edit of taken) {
    const now = values[edit.field];
    const isKept = edit.isReset
      ? isSameValue(edit.field, now, edit.from)
      : !isSameValue(edit.field, now, edit.to);
    if (!isKept) applied.push({ ...edit, to: edit.isReset ? now : edit.to });
    else memoryOf(target).add(keyOf(edit, target.name, values));
    // What the server chose before it chooses again.
    if (isKept && !edit.isReset) kept.push(keptFor({ ...edit, from: now }));
  }
  return { applied, kept };
}

function memoryOf({ channel }: Pick<EditTarget<unknown>, "channel">): Set<string> {
  const known = askedInVain.get(channel) ?? new Set();
  askedInVain.set(channel, known);
  return known;
}

function keyOf({ field, to }: Edit, target: string, values: Values): string {
  return JSON.stringify([target, field, values[field], to]);
}

function keptFor(edit: Edit): Unapplied {
  return unappliedFor(edit, "NATS keeps it as it is");
}

function unappliedFor({ path, field, from, to, isReset }: Edit, reason: string): Unapplied {
  const asked = isReset ? "the server's default" : shownValue(field, to);
  return { path, reason: `${shownValue(field, from)} stays, ${asked} is not applied: ${reason}` };
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
