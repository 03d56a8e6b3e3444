import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../node_modules/.vite",
  test: {
    reporters: [
      process.env.CI === undefined ? "default" : "verbose",
      "./support/summary-reporter.ts",
    ],
    globalSetup: ["./support/global-setup.ts"],
    projects: [
      { extends: true, test: { name: "unit", include: ["unit/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["integration/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
