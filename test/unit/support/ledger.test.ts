import { expect, it } from "vitest";
import { createLedger, type Ledger } from "../../support/ledger.ts";

function ledgerOfFive(): Ledger {
  const ledger = createLedger("good", "silent");
  for (const id of ["1", "2", "3", "4", "5"]) {
    ledger.sent(id);
  }
  for (const id of ["4", "1", "2"]) {
    ledger.acknowledged(id);
  }
  for (const id of ["1", "2", "2", "5", "x"]) {
    ledger.received("good", id);
  }
  return ledger;
}

it("misses what was acknowledged and not received, and nothing else", () => {
  expect(ledgerOfFive().missing("good")).toEqual(["4"]);
});

it("misses everything acknowledged at a receiver that got nothing", () => {
  expect(ledgerOfFive().missing("silent")).toEqual(["4", "1", "2"]);
});

it("counts what came more than once", () => {
  expect(ledgerOfFive().duplicates("good")).toEqual(new Map([["2", 2]]));
});

it("names what was received and never sent", () => {
  expect(ledgerOfFive().unknown("good")).toEqual(["x"]);
});

it("sums up in distinct ids, the silent receivers included", () => {
  expect(ledgerOfFive().summary()).toEqual({
    sent: 5,
    acknowledged: 3,
    receivers: {
      good: { received: 4, duplicates: 1, missing: 1, unknown: 1 },
      silent: { received: 0, duplicates: 0, missing: 3, unknown: 0 },
    },
  });
});

it("refuses an acknowledgement of what was not sent", () => {
  expect(() => createLedger().acknowledged("1")).toThrow("1 is acknowledged and was never");
});
