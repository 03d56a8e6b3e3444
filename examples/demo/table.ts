import { missing, type Tally } from "./tally.ts";

const MAX_IDS_SHOWN = 5;

/** Is what a run came to. */
export interface Result {
  tally: Tally;
  elapsedMs: number;
  /** False when time was up before everything had arrived. */
  inTime: boolean;
}

type Row = [what: string, count: number, remark: string];

/** Prints the table, the verdict and what to try next; gives the exit code: 1 when anything is missing. */
export function printReport(out: NodeJS.WritableStream, result: Result): number {
  const { tally, elapsedMs } = result;
  const lost = missing(tally);
  out.write(`\n${tableOf(rowsFor(tally))}\n\n`);
  for (const { receiver, ids } of lost) {
    const more = ids.length > MAX_IDS_SHOWN ? ", …" : "";
    const shown = ids.slice(0, MAX_IDS_SHOWN).join(", ");
    out.write(`missing at ${receiver}: ${ids.length} (${shown}${more})\n`);
  }
  const unacknowledged = tally.sent - tally.acknowledged;
  if (unacknowledged > 0) out.write(`not acknowledged: ${unacknowledged}\n`);
  const seconds = (elapsedMs / 1_000).toFixed(1);
  if (lost.length > 0 || !result.inTime) {
    out.write(`Not everything arrived within ${seconds} s.\n`);
    return 1;
  }
  out.write(
    `Every acknowledged order arrived, across a kill -9 of the dispatcher, in ${seconds} s.\n${NEXT}\n`,
  );
  return 0;
}

const NEXT =
  'Next: send an event of your own to a subscriber of your own, with curl, in five minutes: see README.md, "Your own event to your own subscriber".';

function rowsFor(tally: Tally): Row[] {
  const { counts } = tally;
  const { healthy, flaky, refusing, deadLetters, audit } = counts;
  const lost = new Set(missing(tally).flatMap(({ ids }) => ids));
  const duplicates = Object.values(counts).reduce((sum, its) => sum + its.duplicates, 0);
  const repeated =
    tally.sentAgain === 0 ? "" : `; ${grouped(tally.sentAgain)} sent again under the same id`;
  return [
    ["sent", tally.sent, `CloudEvents, half binary, half structured${repeated}`],
    ["acknowledged", tally.acknowledged, "answered 202: stored in JetStream"],
    ["delivered: healthy", healthy.accepted, "accepts, and replies with an event"],
    ["delivered: flaky", flaky.accepted, "fails twice for each order, then accepts"],
    ["delivered: refusing", refusing.accepted, "never accepts"],
    ["retried: flaky", flaky.retried, "further attempts, 0.2 s and 0.4 s later"],
    ["retried: refusing", refusing.retried, "further attempts, two for each order"],
    ["dead-lettered", deadLetters.accepted, "orders of refusing, at its dead-letter sink"],
    ["replies", audit.accepted, "events of healthy, through the channel audit"],
    ["duplicates", duplicates, "accepted again: at least once is the promise"],
    ["lost", lost.size, "acknowledged and missing somewhere"],
  ];
}

function tableOf(rows: Row[]): string {
  const whatWidth = Math.max(...rows.map(([what]) => what.length));
  const countWidth = Math.max(...rows.map(([, count]) => grouped(count).length));
  return rows
    .map(
      ([what, count, remark]) =>
        `  ${what.padEnd(whatWidth)}  ${grouped(count).padStart(countWidth)}  ${remark}`,
    )
    .join("\n");
}

/** Writes 12345 as 12,345. */
function grouped(count: number): string {
  return count.toLocaleString("en");
}
