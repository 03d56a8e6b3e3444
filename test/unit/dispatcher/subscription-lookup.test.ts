import { describe, expect, it } from "vitest";
import {
  SubscriptionLookup,
  type SubscriptionLookupDeps,
} from "../../../src/dispatcher/subscription-lookup.ts";
import { statusError } from "../../../src/kube/kube-error.ts";

const NEVER_MS = 3_600_000;

/** Answers lists with Subscriptions of these uids; with undefined as an API server without Knative. */
function lookup(
  uids: string[] | undefined,
  { isElsewhere = false, inDoubtMs = NEVER_MS } = {},
): SubscriptionLookup {
  const list = async () => {
    if (uids === undefined) throw statusError("list subscriptions", 404, { reason: "NotFound" });
    return { items: uids.map((uid) => ({ metadata: { uid } })), resourceVersion: "1" };
  };
  const client = { list } as SubscriptionLookupDeps["client"];
  return new SubscriptionLookup({
    ...{ client, namespace: undefined, inDoubtMs },
    mayBeElsewhere: async () => isElsewhere,
  });
}

describe("a Subscription", () => {
  it.each([
    ["is there", ["a"], {}, false],
    ["is not there, and could be nowhere else", ["b"], {}, true],
    ["is there, and could be elsewhere", ["a"], { isElsewhere: true, inDoubtMs: 0 }, false],
    ["is not there, and could be elsewhere", ["b"], { isElsewhere: true }, false],
    ["could be elsewhere, and had its time", ["b"], { isElsewhere: true, inDoubtMs: 0 }, true],
    ["has no API", undefined, {}, false],
    ["has no API, and had its time", undefined, { inDoubtMs: 0 }, true],
  ])("that %s (%j, %j) counts as gone: %s", async (_what, uids, options, isGone) => {
    expect(await lookup(uids, options).isGone("a")).toBe(isGone);
  });

  it("is not gone because nobody could be asked", async () => {
    const client = {
      list: async () => {
        throw statusError("list subscriptions", 403, { reason: "Forbidden" });
      },
    } as SubscriptionLookupDeps["client"];
    const mayBeElsewhere = async () => false;
    const asked = new SubscriptionLookup({ client, namespace: undefined, mayBeElsewhere });
    await expect(asked.isGone("a")).rejects.toThrow("Forbidden");
  });
});
