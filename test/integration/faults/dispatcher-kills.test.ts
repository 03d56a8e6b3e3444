/**
 * kill -9 of a dispatcher: at random moments, and at the moments where an event is in nobody's hands but ours. A line that
 * swallows what the dispatcher says or hears keeps it at such a moment until it is dead.
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { metric } from "../delivery/lanes.ts";
import { rounds } from "./length.ts";
import { STREAM } from "./load.ts";
import { CONCURRENCY, type FaultWorld, withFaultWorld } from "./world.ts";

/** Brings the first dispatcher to the moment; the line that is said holds it there. */
type Moment = (world: FaultWorld) => Promise<void>;

const MOMENTS: [when: string, line: "nats" | "replies" | "letters", moment: Moment][] = [
  ["at a random moment", "nats", ({ load }) => load.acknowledges(Math.round(Math.random() * 200))],
  [
    "after JetStream has stored an event, before the 202",
    "nats",
    async ({ lines, ledger, plane }) => {
      lines.nats.swallow("to-client");
      const jsm = await jetstreamManager(plane.nc);
      const known = ledger.summary().acknowledged;
      await holds("an event that is stored and not answered", async () => {
        const { state } = await jsm.streams.info(STREAM);
        return state.messages > known && ledger.summary().acknowledged < state.messages;
      });
    },
  ],
  [
    "after a subscriber's 2xx, before the ack",
    "nats",
    async ({ lines: { nats } }) => {
      const { swallowed } = nats;
      nats.swallow("to-server", (piece) => piece.includes("+ACK"));
      await holds("an ack that is lost", () => nats.swallowed > swallowed);
    },
  ],
  ["after the last failure, before the dead letter", "letters", (world) => kept(world, "letters")],
  [
    "after a reply was received, before it is passed on",
    "replies",
    (world) => kept(world, "replies"),
  ],
];

/** Swallows what goes to a sink, until the first dispatcher has something on its way there. */
async function kept({ lines, plane }: FaultWorld, sink: "letters" | "replies"): Promise<void> {
  const { swallowed } = lines[sink];
  lines[sink].swallow("to-server");
  const subscriber = sink === "letters" ? "refusing" : "replying";
  const inFlight = () => metric(plane, "jetstream_channel_deliveries_in_flight", { subscriber });
  await holds(`an event on its way to ${sink}`, async () => {
    return lines[sink].swallowed > swallowed && (await inFlight()) >= CONCURRENCY / 2;
  });
}

function holds(what: string, check: () => boolean | Promise<boolean>): Promise<boolean> {
  return eventually(check, { within: 20_000, what });
}

it.each([1, 2] as const)(
  "kill -9 of one of %i dispatchers loses no acknowledged event, whatever it is at",
  async (replicas) => {
    await withFaultWorld({ replicas }, async (world) => {
      const { plane, lines, load } = world;
      let kills = 0;
      for (const _ of rounds({ short: 1, long: 25 })) {
        for (const [when, line, moment] of MOMENTS) {
          await load.acknowledges(50);
          await moment(world);
          await plane.dispatcher.kill("SIGKILL");
          lines[line].cut();
          await Promise.all([world.goesOn(`kill -9 ${when}`), plane.restartDispatcher("SIGKILL")]);
          kills += 1;
        }
      }
      const what = `kill -9 of one of ${replicas} dispatchers, ${kills} times`;
      const { receivers } = await world.judged(what, { duplicates: kills * CONCURRENCY });
      // Whose ack did not come through comes again: the moments were there.
      const twice = Object.values(receivers).map(({ duplicates }) => duplicates);
      expect(Math.max(...twice)).toBeGreaterThan(0);
    });
  },
);
