import type { Ends } from "./ends.ts";
import type { Extent } from "./options.ts";
import type { Series } from "./rounds.ts";

/** Is what an experiment gets. */
export interface Surroundings {
  extent: Extent;
  /** Takes what has to be ended afterwards. */
  ends: Ends;
  /** Takes a line for people who wait. */
  tell: (line: string) => void;
  /** For a profile: the dispatcher's further environment. Then nothing else is measured. */
  dispatcherEnv: Record<string, string> | undefined;
}

/** Is what an experiment found: the dispatcher's series first. */
export interface Experiment {
  series: Series[];
  natsServerVersion: string;
}
