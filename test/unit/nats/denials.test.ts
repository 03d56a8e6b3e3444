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

it.each([
  ["$JS.API.STREAM.INFO.", "KN_A", "KN_B"],
  ["$JS.API.CONSUMER.MSG.NEXT.", "KN_A.KN_SUB_1", "KN_B.KN_SUB_2"],
  ["$JS.hub.API.CONSUMER.DURABLE.CREATE.", "KN_A.KN_SUB_1", "KN_B.KN_SUB_2"],
  ["$JS.API.CONSUMER.CREATE.", "KN_A.KN_SUB_1", "KN_B.KN_SUB_2.a.b"],
])("tells %s once for all streams, and shows the latest", (request, first, second) => {
  const denials = new Denials();
  const actions = [first, second].map((name) => `publish to "${request}${name}"`);
  expect(actions.map((action) => denials.note(action, 0))).toEqual([true, false]);
  expect(denials.list(0)).toEqual([actions[1]]);
});

it("tells the denials of different requests and of different channels each", () => {
  const denials = new Denials();
  const subjects = [
    "$JS.API.STREAM.INFO.KN_A",
    "$JS.API.STREAM.LIST",
    "a.b._knative",
    "a.c._knative",
  ];
  expect(subjects.map((subject) => denials.note(`publish to "${subject}"`, 0))).toEqual([
    ...[true, true, true, true],
  ]);
});

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
