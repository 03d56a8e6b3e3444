import { PermissionViolationError } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import { Denials, deniedAction, isInboxDenial } from "../../../src/nats/denials.ts";

const MINUTE_MS = 60_000;

it.each([
  ["publish", "$JS.API.STREAM.INFO.A", 'publish to "$JS.API.STREAM.INFO.A"'],
  ["publish", "shop.orders._knative", 'publish to "shop.orders._knative"'],
  ["publish", "$JS.ACK.A.C.1.7.9.1700000000000000000.0", 'publish to "$JS.ACK.>"'],
  ["publish", "$JS.ACK._.h4sh.A.C.1.7.9.1700000000000000000.0.x", 'publish to "$JS.ACK.>"'],
  ["subscription", "_INBOX.ABCDEF.*.*", 'subscribe to "_INBOX.>"'],
  ["subscription", "$JS.EVENT.ADVISORY.>", 'subscribe to "$JS.EVENT.ADVISORY.>"'],
] as const)(
  "names the permission that a refused %s to %s asks for",
  (operation, subject, action) => {
    const violation = new PermissionViolationError("refused", operation, subject);
    expect(deniedAction(violation)).toBe(action);
    expect(isInboxDenial(violation)).toBe(action === 'subscribe to "_INBOX.>"');
  },
);

it("tells each denial once, and again when it was over for five minutes", () => {
  const denials = new Denials();
  expect(denials.note("a", 0)).toBe(true);
  expect(denials.note("b", 0)).toBe(true);
  expect(denials.note("a", 4 * MINUTE_MS)).toBe(false);
  expect(denials.note("a", 8 * MINUTE_MS)).toBe(false);
  expect(denials.list(8 * MINUTE_MS)).toEqual(["a"]);
  expect(denials.note("b", 8 * MINUTE_MS)).toBe(true);
  expect(denials.list(14 * MINUTE_MS)).toEqual([]);
});
