/**
 * An event's trace from its sender to its last destination, as a collector and the destinations see it: a dispatcher process, a real
 * NATS server, and the collector's side of OTLP.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from "../../support/otlp-receiver.ts";
import { type Lanes, startLanes } from "../delivery/lanes.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SENDER = "b7ad6b7169203331";
const sampled = { traceparent: `00-${TRACE}-${SENDER}-01`, tracestate: "a=b,c=d" };
const unsampled = { traceparent: `00-${TRACE}-${SENDER}-00`, tracestate: "a=b" };

const replyEvent = {
  "ce-specversion": "1.0",
  "ce-id": "reply",
  "ce-source": "/subscriber",
  "ce-type": "answered",
};

let collector: OtlpReceiver;
let world: Lanes<"answering" | "moody" | "refusing" | "named">;

beforeAll(async () => {
  collector = await startOtlpReceiver();
  world = await startLanes(
    {
      answering: {
        subscriber: () => ({ status: 200, headers: replyEvent }),
        reply: (_request, attempt) => ({ status: attempt === 1 ? 503 : 200 }),
        delivery: { retry: 1, backoffDelay: "PT0.05S" },
      },
      moody: {
        subscriber: (_request, attempt) => ({ status: attempt === 1 ? 503 : 200 }),
        delivery: { retry: 1, backoffDelay: "PT0.05S" },
      },
      refusing: { subscriber: () => ({ status: 400 }), deadLetter: () => ({ status: 202 }) },
      named: {},
    },
    {
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
      },
    },
  );
});

afterAll(async () => {
  await world?.stop();
  await collector?.close();
});

/** The spans of one event, by their names. */
async function spansOf(id: string, count: number): Promise<ReceivedSpan[]> {
  const ours = () =>
    collector.spans.filter(({ attributes }) => attributes["messaging.message.id"] === id);
  for (let seen = 0; ours().length < count; seen = collector.spans.length) {
    await collector.waitFor(seen + 1);
  }
  return ours();
}

const contextOf = ({ traceId, spanId }: ReceivedSpan) => `00-${traceId}-${spanId}-01`;
const only = (spans: ReceivedSpan[], name: string): ReceivedSpan => {
  const found = spans.filter((span) => span.name === name);
  expect(found).toHaveLength(1);
  return found[0] as ReceivedSpan;
};

describe("with spans sent to a collector", () => {
  it("one trace goes from the sender through the channel to the subscriber", async () => {
    const { named } = world.lanes;
    const id = await named.send({ type: "order.placed", source: "/shop" }, sampled);
    const spans = await spansOf(id, 2);
    const receive = only(spans, "receive default/named");
    const deliver = only(spans, "deliver default/named");
    expect(receive).toMatchObject({
      ...{ traceId: TRACE, parentSpanId: SENDER, traceState: "a=b,c=d", kind: "server" },
      fault: undefined,
      attributes: {
        "messaging.system": "knative",
        "messaging.operation.name": "receive",
        "messaging.destination.name": "default/named",
        "kn.channel.namespace": "default",
        "kn.channel.name": "named",
        "cloudevents.event_id": id,
        "cloudevents.event_source": "/shop",
        "cloudevents.event_type": "order.placed",
        "http.response.status_code": 202,
      },
      resource: {
        "service.name": "jetstream-channel-dispatcher",
        "deployment.environment.name": "test",
      },
    });
    expect(deliver).toMatchObject({
      ...{ traceId: TRACE, parentSpanId: receive.spanId, kind: "client", fault: undefined },
      attributes: {
        "messaging.operation.name": "deliver",
        "messaging.destination": expect.stringContaining(named.subscriber.url),
        "http.response.status_code": 200,
      },
    });
    const [request] = named.subscriber.requests;
    expect(request?.headers.traceparent).toBe(contextOf(deliver));
    expect(request?.headers.tracestate).toBe("a=b,c=d");
  });

  it("a structured event's span says which event it is", async () => {
    const { named } = world.lanes;
    const answer = await named.client.sendStructured({ id: "structured-1", type: "t" }, sampled);
    expect(answer.status).toBe(202);
    const receive = only(await spansOf("structured-1", 2), "receive default/named");
    expect(receive.attributes["cloudevents.event_type"]).toBe("t");
  });

  it("each attempt at the subscriber is a span of its own, and a failed one says why", async () => {
    const { moody } = world.lanes;
    const id = await moody.send({}, sampled);
    const spans = await spansOf(id, 3);
    const receive = only(spans, "receive default/moody");
    const [first, second] = spans.filter(({ name }) => name === "deliver default/moody");
    expect(first).toMatchObject({ parentSpanId: receive.spanId, fault: "status 503" });
    expect(first?.attributes["http.response.status_code"]).toBe(503);
    expect(second).toMatchObject({ parentSpanId: receive.spanId, fault: undefined });
    expect(moody.subscriber.requests.map(({ headers }) => headers.traceparent)).toEqual(
      [first, second].map((span) => contextOf(span as ReceivedSpan)),
    );
  });

  it("a reply's requests are children of the delivery that it answers", async () => {
    const { answering } = world.lanes;
    const id = await answering.send({}, sampled);
    const deliver = only(await spansOf(id, 2), "deliver default/answering");
    const [first, second] = await spansOf("reply", 2);
    for (const reply of [first, second]) {
      expect(reply).toMatchObject({
        ...{ name: "reply default/answering", traceId: TRACE, parentSpanId: deliver.spanId },
        attributes: { "cloudevents.event_source": "/subscriber" },
      });
    }
    expect(first?.fault).toBe("status 503");
    expect(second?.attributes["http.request.resend_count"]).toBe(1);
    expect(answering.reply.requests[1]?.headers.traceparent).toBe(
      contextOf(second as ReceivedSpan),
    );
  });

  it("a dead letter is a child of the delivery that failed", async () => {
    const { refusing } = world.lanes;
    const id = await refusing.send({}, sampled);
    const spans = await spansOf(id, 3);
    const deliver = only(spans, "deliver default/refusing");
    const letter = only(spans, "dead-letter default/refusing");
    expect(deliver.fault).toBe("status 400");
    expect(letter).toMatchObject({ parentSpanId: deliver.spanId, fault: undefined });
    const [request] = refusing.deadLetter.requests;
    expect(request?.headers).toMatchObject({
      traceparent: contextOf(letter),
      tracestate: "a=b,c=d",
    });
  });

  it("an event without a trace begins one", async () => {
    const { named } = world.lanes;
    const id = await named.send();
    const spans = await spansOf(id, 2);
    const receive = only(spans, "receive default/named");
    expect(receive).toMatchObject({ parentSpanId: "", traceState: "" });
    expect(only(spans, "deliver default/named").parentSpanId).toBe(receive.spanId);
  });

  it("a trace that its sender does not sample goes through to the letter, without spans", async () => {
    const { named } = world.lanes;
    const before = named.subscriber.requests.length;
    await named.send({ id: "unsampled" }, unsampled);
    await named.settled();
    expect(named.subscriber.requests[before]?.headers).toMatchObject(unsampled);
    const after = await named.send({}, sampled);
    await spansOf(after, 2);
    const ids = collector.spans.map(({ attributes }) => attributes["messaging.message.id"]);
    expect(ids).not.toContain("unsampled");
  });

  it("a refused request is a span with the answer's status", async () => {
    const { named } = world.lanes;
    const answer = await named.client.sendBinary({ source: "" }, sampled);
    expect(answer.status).toBe(400);
    const refused = () =>
      collector.spans.filter(
        ({ name, attributes }) =>
          name === "receive default/named" && attributes["http.response.status_code"] === 400,
      );
    for (let seen = 0; refused().length === 0; seen = collector.spans.length) {
      await collector.waitFor(seen + 1);
    }
    expect(refused()).toMatchObject([{ parentSpanId: SENDER, fault: undefined }]);
  });
});
