import type { Tally } from "./tally.ts";

const REDRAW_EVERY_MS = 100;
const PRINT_EVERY_MS = 2_000;
const CLEAR_LINE = "\r\u001b[2K";

/** Is what the line of progress is made of. */
export interface ProgressState {
  elapsedMs: number;
  tally: Tally;
}

/** Shows what happens: sentences that stay, and below them one line that changes. */
export interface Progress {
  /** Prints a sentence. */
  say(sentence: string): void;
  /** Shows progress from now on: one line in place on a terminal, elsewhere a line every two seconds. */
  show(state: () => ProgressState): void;
  /** Shows the last state and no more. */
  close(): void;
}

/** Makes a progress display for a stream. */
export function createProgress(out: NodeJS.WriteStream): Progress {
  let draw = () => {};
  let timer: NodeJS.Timeout | undefined;
  const clear = out.isTTY ? CLEAR_LINE : "";
  return {
    say(sentence) {
      out.write(`${timer === undefined ? "" : clear}${sentence}\n`);
      if (out.isTTY) draw();
    },
    show(state) {
      draw = () => {
        if (out.isTTY) out.write(`${CLEAR_LINE}${lineFor(state(), out.columns - 1)}`);
        else out.write(`${lineFor(state(), Infinity)}\n`);
      };
      timer = setInterval(draw, out.isTTY ? REDRAW_EVERY_MS : PRINT_EVERY_MS);
      draw();
    },
    close() {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      draw();
      if (out.isTTY) out.write("\n");
      draw = () => {};
    },
  };
}

/** Makes the line, with as many figures as fit: one that wraps could not be drawn over. */
function lineFor({ elapsedMs, tally }: ProgressState, columns: number): string {
  const { healthy, flaky, refusing, deadLetters, audit } = tally.counts;
  const figures = [
    `sent ${tally.sent}`,
    `acknowledged ${tally.acknowledged}`,
    `healthy ${healthy.accepted}`,
    `flaky ${flaky.accepted}`,
    `retried ${flaky.retried + refusing.retried}`,
    `dead letters ${deadLetters.accepted}`,
    `replies ${audit.accepted}`,
  ];
  let line = `${(elapsedMs / 1_000).toFixed(0).padStart(3)} s`;
  for (const figure of figures) {
    if (line.length + 2 + figure.length > columns) break;
    line += `  ${figure}`;
  }
  return line;
}
