/*
 * The demonstration behind `npm run demo`. In this order:
 *
 *   1. nats-server is found or built
 *   2. a nats-server, four subscribers with a dead-letter sink, and the dispatcher are started
 *   3. events are sent; with half of them acknowledged the dispatcher is killed (-9) and started again
 *   4. until every acknowledged event is wherever it has to be, or time is up
 *   5. the table, and the exit code: 0 when nothing is missing, 1 otherwise
 *
 * A signal ends it early. However it ends, no process and no temporary folder stays.
 */
import { findTool } from "../../test/support/tools/find-tool.ts";
import { type Demonstration, startDemonstration } from "./demonstration.ts";
import { createProgress } from "./progress.ts";
import { sendEvents } from "./sender.ts";
import { stopOnSignals, unlessStopped } from "./stopping.ts";
import { printReport } from "./table.ts";
import { missing } from "./tally.ts";

const EVENTS = 3_000;
const EVENTS_PER_SECOND = 300;
const DEADLINE_MS = 60_000;
const LOOK_EVERY_MS = 50;

const { stopping, exitCodeFor } = stopOnSignals();
const progress = createProgress(process.stdout);
let exitCode: number;
try {
  exitCode = await demonstrate(stopping);
} catch (error) {
  exitCode = exitCodeFor(error);
  progress.close();
  progress.say(sentenceFor(error));
}
process.exit(exitCode);

async function demonstrate(stopping: AbortSignal): Promise<number> {
  await unlessStopped(findTool("nats-server"), stopping);
  const demonstration = await startDemonstration(stopping);
  try {
    return await run(demonstration, stopping);
  } finally {
    await demonstration.stop();
  }
}

async function run(demonstration: Demonstration, stopping: AbortSignal): Promise<number> {
  const { tally, address } = demonstration;
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  progress.say(`${EVENTS} orders go to ${address}, half binary, half structured`);
  progress.show(() => ({ elapsedMs: elapsedMs(), tally }));
  const sending = sendEvents({
    url: address,
    count: EVENTS,
    perSecond: EVENTS_PER_SECOND,
    tally,
    stopping,
  });
  const killing = killInTheMiddle(demonstration, stopping);
  const isOver = () => tally.acknowledged === EVENTS && missing(tally).length === 0;
  const arriving = waitUntil(isOver, DEADLINE_MS, stopping);
  const [inTime] = await Promise.all([
    arriving,
    // Nobody sends on when time is up.
    Promise.race([sending, arriving]),
    killing,
  ]);
  progress.close();
  return printReport(process.stdout, { tally, elapsedMs: elapsedMs(), inTime });
}

async function killInTheMiddle(demonstration: Demonstration, stopping: AbortSignal): Promise<void> {
  const { tally } = demonstration;
  const isHalf = () => tally.acknowledged >= EVENTS / 2;
  if (!(await waitUntil(isHalf, DEADLINE_MS, stopping))) return;
  progress.say("the dispatcher is killed with SIGKILL in the middle of its work …");
  await demonstration.restartDispatcher();
  progress.say("… and is back: what it held is delivered again, what was refused is sent again");
}

/** Waits for a condition; false when time is up. Rejects when the demonstration is stopped. */
async function waitUntil(
  condition: () => boolean,
  withinMs: number,
  stopping: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await unlessStopped(new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS)), stopping);
  }
  return true;
}

function sentenceFor(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}\n${sentenceFor(error.cause)}`;
}
