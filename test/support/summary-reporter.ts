/**
 * Ends a test run with its facts: every skipped test with the reason that was given to `ctx.skip("…")`, and then, alone
 * on the last line, `N passed, N failed, N skipped`. A skip without a reason makes the run fail. Numbers are of tests; a
 * file or hook that fails, and an error outside of any test, count as one failure each, as does a run that never began.
 */
import type { Reporter, TestCase, TestModule, Vitest } from "vitest/node";

interface Skipped {
  test: TestCase;
  reason: string | undefined;
}

interface Tally {
  passed: number;
  failed: number;
  skipped: Skipped[];
}

class SummaryReporter implements Reporter {
  #tally: Tally | undefined;
  #isFiltered = () => false;

  onInit(vitest: Vitest): void {
    this.#isFiltered = () => vitest.getGlobalTestNamePattern() !== undefined;
    // Other reporters and vitest itself print after the run's end too; at the process's end nobody does.
    process.once("exit", (exitCode) => process.stdout.write(this.#text(exitCode)));
  }

  onTestRunStart(): void {
    this.#tally = undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.#tally = tally(modules, unhandledErrors.length);
    if (this.#hasUnexplainedSkip()) {
      process.exitCode = 1;
    }
  }

  #hasUnexplainedSkip(): boolean {
    const skipped = this.#tally?.skipped ?? [];
    return skipped.some((skip) => this.#reason(skip) === undefined);
  }

  #reason({ reason }: Skipped): string | undefined {
    // With `-t` most tests are left out on purpose, by whoever sits at the terminal.
    return reason ?? (this.#isFiltered() ? "not selected" : undefined);
  }

  #text(exitCode: number): string {
    const { passed, failed, skipped } = this.#tally ?? { passed: 0, failed: 0, skipped: [] };
    const lines = this.#isFiltered() ? [] : skipped.map((skip) => this.#skipLine(skip));
    // A global set-up that failed, or Ctrl-C: the run has failed although no test has.
    const failedOtherwise = failed === 0 && exitCode !== 0 && !this.#hasUnexplainedSkip() ? 1 : 0;
    lines.push(`${passed} passed, ${failed + failedOtherwise} failed, ${skipped.length} skipped`);
    return `${lines.join("\n")}\n`;
  }

  #skipLine(skip: Skipped): string {
    const { test } = skip;
    const reason = this.#reason(skip) ?? "no reason given, which fails the run";
    return `skipped: ${test.module.relativeModuleId} > ${test.fullName}: ${reason}`;
  }
}

function tally(modules: readonly TestModule[], unhandledErrors: number): Tally {
  const result: Tally = { passed: 0, failed: unhandledErrors, skipped: [] };
  for (const module of modules) {
    result.failed += failedOutsideTests(module);
    for (const test of module.children.allTests()) {
      count(test, result);
    }
  }
  return result;
}

function count(test: TestCase, into: Tally): void {
  const result = test.result();
  if (result.state === "passed") {
    into.passed += 1;
  } else if (result.state === "skipped") {
    into.skipped.push({ test, reason: reasonOf(test) });
  } else {
    // `failed`, or `pending` where the run was broken off in the middle of the test.
    into.failed += 1;
  }
}

function reasonOf(test: TestCase): string | undefined {
  const result = test.result();
  if (result.state === "skipped" && result.note !== undefined) {
    return result.note;
  }
  return hasFailedSuite(test) ? "a hook of its suite failed" : undefined;
}

function hasFailedSuite(test: TestCase): boolean {
  for (let suite = test.parent; ; suite = suite.parent) {
    if (suite.errors().length > 0) {
      return true;
    }
    if (suite.type === "module") {
      return false;
    }
  }
}

/** Counts the file and its suites where something failed that is no test: loading the file, or a hook. */
function failedOutsideTests(module: TestModule): number {
  const suites = [module, ...module.children.allSuites()];
  return suites.filter((suite) => suite.errors().length > 0).length;
}

// biome-ignore lint/style/noDefaultExport: vitest loads a reporter by its default export
export default SummaryReporter;
