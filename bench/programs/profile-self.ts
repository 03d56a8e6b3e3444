/**
 * Loaded before a program (`--import`): profiles it from SIGUSR2 to its exit and writes the profile into the file that the
 * query of this module's URL names. `node --cpu-prof` cannot be asked for in NODE_OPTIONS, and has the start in it.
 */
import { writeFileSync } from "node:fs";
import { type Profiler, Session } from "node:inspector";

const microsBetweenSamples = 500;
const path = new URL(import.meta.url).searchParams.get("to");

if (path !== null) {
  const session = new Session();
  process.once("SIGUSR2", () => {
    session.connect();
    session.post("Profiler.enable");
    session.post("Profiler.setSamplingInterval", { interval: microsBetweenSamples });
    session.post("Profiler.start");
  });
  process.on("exit", () => {
    session.post("Profiler.stop", (_error, result?: Profiler.StopReturnType) => {
      writeFileSync(path, JSON.stringify(result?.profile));
    });
  });
}
