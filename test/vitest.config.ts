import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Run in short in `npm test` and in long in `npm run test:faults`. */
const fuzz = ["{unit,integration}/**/*.fuzz.test.ts"];
const fuzzed = (cases: number) => ({
  fuzz: {
    cases: Number(process.env.FUZZ_CASES ?? cases),
    seed: Number(process.env.FUZZ_SEED ?? 20_261_121),
    path: process.env.FUZZ_PATH,
  },
});

/** Faults of the data plane: short in `npm test`, at length in `npm run test:faults`. */
const scenarios = "integration/faults/**/*.test.ts";
/** How long each of them goes on at length, in minutes. */
const faultMinutes = Number(process.env.FAULTS_MINUTES ?? 30);
/** Faults of the whole operator: take minutes, and are in `npm run test:faults` only. */
const faults = [
  "e2e/faults/**/*.test.ts",
  "e2e/dispatcher/{api-server-away,frozen-leader,kills,many,replicas,rolling}.test.ts",
  "e2e/kube/api-server-away.test.ts",
];
/** Kills around each step of a migration: are in `npm run test:faults` only. */
const migrationKills = "integration/consumer/migration-kills.test.ts";
/** Install the operator where users do, in the namespace knative-eventing. */
const installed = ["e2e/{cli,helm,whole}/**/*.test.ts", "e2e/controller/program.test.ts"];

/** What all tests of the control plane have in common: each project has an API server of its own, which its files share. */
const e2e = {
  globalSetup: [join(import.meta.dirname, "support/e2e-setup.ts")],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  maxWorkers: 1,
};

export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../node_modules/.vite",
  test: {
    reporters: [
      process.env.CI === undefined ? "default" : "verbose",
      "./support/summary-reporter.ts",
    ],
    globalSetup: ["./support/global-setup.ts"],
    provide: fuzzed(10_000),
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["unit/**/*.test.ts"], testTimeout: 30_000 },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["integration/**/*.test.ts"],
          exclude: [migrationKills],
          provide: { faultMinutes: 0 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          ...e2e,
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: [...faults, ...installed],
          // They wait more than they work: beside those of an installation, and when nothing else runs.
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...e2e,
          name: "e2e-installed",
          include: installed,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "faults",
          include: [scenarios, migrationKills, ...fuzz],
          provide: { faultMinutes, ...fuzzed(100_000) },
          testTimeout: (faultMinutes + 10) * 60_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          ...e2e,
          name: "e2e-faults",
          include: faults,
          testTimeout: 240_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
