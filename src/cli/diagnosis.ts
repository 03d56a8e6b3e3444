import { isForbidden } from "../kube/kube-error.ts";
import { errorMessage } from "../runtime/errors.ts";

/** Is one line of `doctor`: what was looked at, how it is, and, unless all is well, what to do. */
export interface Line {
  level: "ok" | "warn" | "fail";
  check: string;
  message: string;
  remedy?: string;
}

/** Makes a line about something that is as it should be. */
export function ok(check: string, message: string): Line {
  return { level: "ok", check, message };
}

/** Makes a line about something that works, and may not for long or not for everybody. */
export function warn(check: string, message: string, remedy: string): Line {
  return { level: "warn", check, message, remedy };
}

/** Makes a line about something that does not work. */
export function fail(check: string, message: string, remedy: string): Line {
  return { level: "fail", check, message, remedy };
}

/** Runs a check. One that may not look, or gets no answer, is a warning: nobody knows how it is. */
export async function guarded(check: string, run: () => Promise<Line[]>): Promise<Line[]> {
  try {
    return await run();
  } catch (error) {
    const remedy = isForbidden(error)
      ? "have an admin bind the role of docs/cli.md to you, or run doctor as somebody who may"
      : "try again; if it stays, look at the API server";
    return [warn(check, `not looked at: ${errorMessage(error)}`, remedy)];
  }
}
