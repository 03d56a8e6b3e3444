import { expect, it } from "vitest";
import { deletionWaitsNote, leftBehindNote } from "../../../src/controller/deletion-notes.ts";

const metadata = { namespace: "shop", name: "orders" };

it.each([
  [{}, "(nats stream rm KN_SHOP__ORDERS)", undefined],
  [{ deletionPolicy: "Retain" }, "KN_SHOP__ORDERS stays, as spec.stream", "stream rm"],
  [{ overrideName: "OLD" }, "consumers on stream OLD", "stream rm"],
])("what a channel with stream %j leaves behind is named", (stream, words, not) => {
  const note = leftBehindNote({ metadata, spec: { stream } });
  expect(note).toContain(words);
  if (not !== undefined) expect(note).not.toContain(not);
});

it("a deleted channel says which dispatcher it waits for, and how to let it go", () => {
  const note = deletionWaitsNote(
    { metadata, status: { stream: { name: "S" } } },
    "knative-eventing/jetstream-ch-dispatcher",
  );
  expect(note).toContain("Deployment knative-eventing/jetstream-ch-dispatcher");
  expect(note).toContain("leave stream S behind: kubectl -n shop patch natsjsmc orders");
});
