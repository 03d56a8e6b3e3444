import { expect, it } from "vitest";
import type { ChannelReport } from "../../../src/cli/channel-reports.ts";
import { shownBytes, statusTables } from "../../../src/cli/status-tables.ts";

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1536, "1.5 KiB"],
  [200 * 1024, "200 KiB"],
  [5 * 1024 ** 3, "5.0 GiB"],
])("shows %d bytes as %s", (bytes, expected) => {
  expect(shownBytes(bytes)).toBe(expected);
});

const orders: ChannelReport = {
  ...{ namespace: "shop", name: "orders", ready: "True", stream: "S", messages: 12, bytes: 100 },
  ...{ unapplied: [], warnings: [] },
  subscribers: [
    { uid: "a", name: "billing", ready: "True", pending: 1, ackPending: 2, redelivered: 3 },
    { uid: "b", ready: "False", message: "no consumer" },
  ],
};

it("aligns columns, with numbers to the right, and sums what is known", () => {
  const bills: ChannelReport = {
    ...{ namespace: "s", name: "b", ready: "False", reason: "R", message: "why" },
    ...{ unapplied: [], warnings: [], subscribers: [] },
  };
  expect(statusTables([orders, bills])).toBe(`\
NAMESPACE  CHANNEL  READY  REASON  STREAM  EVENTS  BYTES  SUBSCRIBERS  PENDING  ACK-PENDING  REDELIVERED
shop       orders   True           S           12  100 B          1/2        1            2            3
s          b        False  R       -            -      -          0/0        0            0            0

CHANNEL      SUBSCRIBER  READY  PENDING  ACK-PENDING  REDELIVERED  DEAD-LETTERS  LAST FAILURE
shop/orders  billing     True         1            2            3             -
shop/orders  b           False        -            -            -             -

shop/orders: subscriber b: no consumer
s/b: not Ready: R: why
`);
});

it("says so where there are no channels", () => {
  expect(statusTables([])).toBe("no channels\n");
});
