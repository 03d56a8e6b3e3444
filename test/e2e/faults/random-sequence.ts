/**
 * Random lives of channels, and what has to be there when they are over: pure. One seed gives one sequence for each channel.
 *
 * The model knows nothing of programs that are killed: what it expects is what anybody would expect of the same requests.
 */

/** Is what a user decides about a channel. */
export interface Settings {
  maxMsgs: number;
  ackWaitSeconds: number;
  maxAckPending: number;
  deletionPolicy: "Delete" | "Retain";
}

export type Scope = "cluster" | "namespace";

/** Is one request, or what Knative does at once. Subscribers are numbers; each is a Subscription that was made before. */
export type Step = { afterMs: number } & (
  | { kind: "create"; scope: Scope; settings: Settings }
  | { kind: "change"; settings: Partial<Settings> }
  /** The whole list, as Knative writes it; who is not in it any more has only vanished. */
  | { kind: "subscribe"; subscribers: number[]; generation: number }
  /** Somebody's Subscription is deleted, and then the list is without it. */
  | { kind: "unsubscribe"; subscriber: number }
  | { kind: "delete" }
);

/** Is what has to be there in the end. */
export interface Expected {
  channel: { scope: Scope; settings: Settings; subscribers: Map<number, number> } | undefined;
  stream: "there" | "gone" | "either";
  /** May have a consumer without being on the list: vanished, while their Subscriptions are there. */
  vanished: Set<number>;
}

const SUBSCRIBERS = [0, 1, 2];
const STEPS = 7;
const MOST_DELETES = 2;
const LONGEST_PAUSE_MS = 1_200;

export type Random = () => number;

/** Gives numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Takes one of several. */
export function oneOf<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)] as T;
}

/** Makes the life of one channel; it begins with its creation. */
export function randomSteps(random: Random): Step[] {
  const steps: Step[] = [{ afterMs: 0, ...creation(random) }];
  const alive = new Set(SUBSCRIBERS);
  let isThere = true;
  let deletes = 0;
  let generation = 1;
  while (steps.length < STEPS) {
    const afterMs = Math.floor(random() * LONGEST_PAUSE_MS);
    if (!isThere) {
      if (random() < 0.4) break;
      steps.push({ afterMs, ...creation(random) });
      isThere = true;
      continue;
    }
    const chance = random();
    if (chance < 0.35) steps.push({ afterMs, kind: "change", settings: change(random) });
    else if (chance < 0.7) {
      const subscribers = [...alive].filter(() => random() < 0.7);
      steps.push({ afterMs, kind: "subscribe", subscribers, generation: ++generation });
    } else if (chance < 0.82 && alive.size > 0) {
      const subscriber = oneOf(random, [...alive]);
      alive.delete(subscriber);
      steps.push({ afterMs, kind: "unsubscribe", subscriber });
    } else if (deletes < MOST_DELETES) {
      deletes += 1;
      isThere = false;
      steps.push({ afterMs, kind: "delete" });
    }
  }
  return steps;
}

/** Says what the steps have to lead to. The first life of a channel is known to have had its stream. */
export function expectedAfter(steps: readonly Step[]): Expected {
  const state: Expected = { channel: undefined, stream: "gone", vanished: new Set() };
  let isFirstLife = true;
  for (const step of steps) {
    if (step.kind === "create") {
      const { scope, settings } = step;
      state.channel = { scope, settings, subscribers: new Map() };
    } else if (step.kind === "delete") {
      takeDelete(state, isFirstLife);
      isFirstLife = false;
    } else takeChange(state, step);
  }
  if (state.channel !== undefined) state.stream = "there";
  return state;
}

function takeDelete(state: Expected, isFirstLife: boolean): void {
  const { channel } = state;
  for (const one of channel?.subscribers.keys() ?? []) state.vanished.add(one);
  const wanted = channel?.settings.deletionPolicy === "Retain" ? "there" : "gone";
  // A later life may be over before anybody has looked at it.
  state.stream = isFirstLife || state.stream === wanted ? wanted : "either";
  state.channel = undefined;
}

function takeChange(
  { channel, vanished }: Expected,
  step: Exclude<Step, { kind: "create" | "delete" }>,
): void {
  if (channel === undefined) return;
  const { subscribers } = channel;
  if (step.kind === "change") channel.settings = { ...channel.settings, ...step.settings };
  else if (step.kind === "subscribe") {
    for (const one of subscribers.keys()) vanished.add(one);
    subscribers.clear();
    for (const one of step.subscribers) subscribers.set(one, step.generation);
    for (const one of step.subscribers) vanished.delete(one);
  } else {
    subscribers.delete(step.subscriber);
    vanished.delete(step.subscriber);
  }
}

function creation(random: Random) {
  const scope: Scope = random() < 0.5 ? "cluster" : "namespace";
  return { kind: "create", scope, settings: settingsOf(random) } as const;
}

function settingsOf(random: Random): Settings {
  return {
    maxMsgs: 1_000 + Math.floor(random() * 1_000),
    ackWaitSeconds: 5 + Math.floor(random() * 60),
    maxAckPending: 10 + Math.floor(random() * 500),
    deletionPolicy: random() < 0.3 ? "Retain" : "Delete",
  };
}

function change(random: Random): Partial<Settings> {
  const settings = settingsOf(random);
  const keys = (Object.keys(settings) as (keyof Settings)[]).filter(() => random() < 0.5);
  return Object.fromEntries(keys.map((key) => [key, settings[key]]));
}
