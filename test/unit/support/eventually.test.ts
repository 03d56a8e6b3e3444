import { expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";

it("gives the value of the first check that holds", async () => {
  let calls = 0;
  const check = () => {
    calls += 1;
    return calls === 3 ? "third" : false;
  };
  expect(await eventually(check, { within: 5_000, what: "the third call" })).toBe("third");
});

it("takes an assertion that no longer throws for one that holds", async () => {
  let calls = 0;
  const check = async () => {
    calls += 1;
    expect(calls).toBeGreaterThan(2);
  };
  await eventually(check, { within: 5_000, what: "three calls" });
  expect(calls).toBe(3);
});

it("fails with what was awaited and the last failure, which is its cause", async () => {
  let calls = 0;
  const last = () => {
    calls += 1;
    throw new Error(`failure ${calls}`);
  };
  const failure = await eventually(last, { within: 30, what: "the impossible" }).catch((e) => e);
  expect(failure.message).toBe(`waited 30 ms for the impossible: failure ${calls}`);
  expect(failure.cause.message).toBe(`failure ${calls}`);
});

it("fails in time when the check does not answer", async () => {
  const never = () => new Promise<boolean>(() => {});
  await expect(eventually(never, { within: 20, what: "an answer" })).rejects.toThrow(
    "waited 20 ms for an answer: the check did not come to an end once",
  );
});
