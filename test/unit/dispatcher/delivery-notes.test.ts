import { beforeEach, expect, it } from "vitest";
import { DeliveryNotes } from "../../../src/dispatcher/delivery-notes.ts";

const COLLECT_MS = 60_000;
let said: string[];
let notes: DeliveryNotes;

beforeEach(() => {
  said = [];
  notes = new DeliveryNotes({
    subscriber: "subscriber a",
    stream: "S",
    note: ({ type, reason, note }) => said.push(`${type} ${reason}: ${note}`),
  });
});

const later = () => performance.now() + COLLECT_MS + 1_000;
const failure = (reason: string) => ({
  destination: "http://a.example",
  statusCode: undefined,
  body: undefined,
  reason,
});

it("say the first event that is given up at once, and those of the next minute together", () => {
  notes.gaveUp(7, "status 400");
  expect(said).toEqual([
    "Warning EventGivenUp: subscriber a will not get the event with sequence 7 of stream S: status 400",
  ]);
  for (const sequence of [12, 9, 30]) notes.gaveUp(sequence, `status ${400 + sequence}`);
  notes.tick(performance.now());
  expect(said).toHaveLength(1);
  notes.tick(later());
  expect(said.slice(1)).toEqual([
    "Warning EventGivenUp: subscriber a will not get 3 events of stream S, with sequences from 9 to 30: status 430",
  ]);
  notes.tick(later() + COLLECT_MS);
  expect(said).toHaveLength(2);
});

it.each([
  ["subscriber", "Subscriber", "the subscriber"],
  ["reply", "ReplyTarget", "the reply target"],
  ["dead-letter", "DeadLetterSink", "the dead-letter sink"],
] as const)(
  "say once that the %s fails, and that it works again when a minute went by without a failure",
  (role, reason, words) => {
    for (const why of ["status 500", "status 503"]) notes.request(role, "retriable", failure(why));
    expect(said).toEqual([
      `Warning ${reason}Failing: ${words} of subscriber a fails: http://a.example: status 500`,
    ]);
    notes.tick(later());
    expect(said, "no success yet").toHaveLength(1);
    notes.request(role, "success", undefined);
    notes.tick(performance.now());
    expect(said, "not for a minute yet").toHaveLength(1);
    notes.tick(later());
    expect(said[1]).toBe(
      `Normal ${reason}Recovered: ${words} of subscriber a works again: http://a.example`,
    );
    notes.request(role, "retriable", failure("status 500"));
    expect(said).toHaveLength(3);
  },
);

it("say nothing of what goes well", () => {
  notes.request("subscriber", "success", undefined);
  notes.tick(later());
  expect(said).toEqual([]);
});

it("say when the subscriber is held, and when it is not any more", () => {
  notes.held(true);
  notes.held(false);
  expect(said).toEqual([
    expect.stringMatching(/^Warning SubscriberHeld: .*retry.*dead-letter sink$/),
    "Normal SubscriberNotHeld: subscriber a gets events again",
  ]);
});
