/**
 * Loaded into a dispatcher before its program (`--import`): each SIGUSR2 sets the wall clock an hour forward, then an hour
 * back, then right. Only what the program sees of it: `Date`. Timers and `performance.now()` run on the monotonic clock, as
 * they do when a system's clock is set.
 */
const HOUR_MS = 3_600_000;
const SHIFTS_MS = [HOUR_MS, -HOUR_MS, 0];
const RealDate = Date;
let shiftMs = 0;
let turns = 0;

class ShiftedDate extends RealDate {
  constructor(...parts: []) {
    if (parts.length === 0) super(ShiftedDate.now());
    else super(...parts);
  }

  static override now(): number {
    return RealDate.now() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
process.on("SIGUSR2", () => {
  shiftMs = SHIFTS_MS[turns % SHIFTS_MS.length] ?? 0;
  turns += 1;
  process.stdout.write(`${JSON.stringify({ msg: "clock", turns, now: new Date() })}\n`);
});
