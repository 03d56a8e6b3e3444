/** The door to OpenTelemetry by itself: where spans go changes while the program runs, and what is wrong with it is said. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLogger } from "../../../src/runtime/logger.ts";
import { type SpanDestination, Tracing } from "../../../src/runtime/tracing.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../../support/otlp-receiver.ts";

const log = createLogger({ name: "test", level: "silent" });
const parent = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: undefined,
};

let tracing: Tracing;
let first: OtlpReceiver;
let second: OtlpReceiver;

beforeEach(async () => {
  tracing = new Tracing({ log, resource: { "service.name": "test" } });
  [first, second] = await Promise.all([startOtlpReceiver(), startOtlpReceiver()]);
});

afterEach(async () => {
  await tracing.stop(1_000);
  await Promise.all([first.close(), second.close()]);
});

const to = (
  endpoint: string | undefined,
  parts: Partial<SpanDestination> = {},
): SpanDestination => ({
  protocol: "http/protobuf",
  endpoint,
  samplingRate: 1,
  ...parts,
});

const none: SpanDestination = { protocol: "none", endpoint: undefined, samplingRate: 0 };

function span(name: string, from: typeof parent | "none" = parent) {
  const made = tracing.current?.start({
    name,
    kind: "server",
    parent: from === "none" ? undefined : from,
  });
  made?.end();
  return made;
}

it("spans go elsewhere from a change on, and those made before it where they were to go", async () => {
  await tracing.configure(to(first.url));
  span("before");
  await tracing.configure(to(`${second.url}/v1/traces`));
  span("after");
  await first.waitFor(1);
  await second.waitFor(1);
  expect(first.spans.map(({ name }) => name)).toEqual(["before"]);
  expect(second.spans.map(({ name }) => name)).toEqual(["after"]);
});

it("after the change to none no spans are made", async () => {
  await tracing.configure(to(first.url));
  await tracing.configure(none);
  expect(tracing.current).toBeUndefined();
});

it.each<[what: string, destination: SpanDestination]>([
  ["grpc", to("http://127.0.0.1:4317", { protocol: "grpc" })],
  ["an endpoint that is no url", to("collector:4318")],
  ["no endpoint", to(undefined)],
])("%s makes no spans, and the program goes on", async (_what, destination) => {
  await tracing.configure(to(first.url));
  await tracing.configure(destination);
  expect(tracing.current).toBeUndefined();
});

it("a rate of 0 samples no trace that begins here, says so to whoever comes next, and keeps those of senders", async () => {
  await tracing.configure(to(first.url, { samplingRate: 0 }));
  const own = span("own", "none");
  expect(own?.isRecording).toBe(false);
  expect(own?.context.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(span("theirs")?.isRecording).toBe(true);
});

it.each([
  "00-00000000000000000000000000000000-b7ad6b7169203331-01",
  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
  "hello",
])("begins a trace of its own where the sender's is not valid: %s", async (traceparent) => {
  await tracing.configure(to(first.url));
  const made = span("own", { ...parent, traceparent });
  expect(made?.context.traceparent).not.toContain("0af7651916cd43dd8448eb211c80319c");
  await first.waitFor(1);
  expect(first.spans[0]?.parentSpanId).toBe("");
});
