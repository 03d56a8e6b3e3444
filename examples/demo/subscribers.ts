import { CloudEvent, HTTP } from "cloudevents";
import { type EventSink, type SinkAnswer, startEventSink } from "../../test/support/event-sink.ts";
import type { RecordedRequest } from "../../test/support/recorded-request.ts";
import type { Receiver, Tally } from "./tally.ts";

const FAILURES_BEFORE_SUCCESS = 2;
const ACCEPTED: SinkAnswer = { status: 204 };
const UNAVAILABLE: SinkAnswer = { status: 503, body: "not now" };

/** Answers a request for an event; `attempt` counts from 1 how often this event has come. */
type Answer = (id: string, attempt: number) => SinkAnswer;

/** How each of them answers. All are real HTTP servers; the dispatcher does not know that they share a process. */
const ANSWERS: Record<Receiver, Answer> = {
  healthy: (id) => replyTo(id),
  flaky: (_id, attempt) => (attempt <= FAILURES_BEFORE_SUCCESS ? UNAVAILABLE : ACCEPTED),
  refusing: () => UNAVAILABLE,
  deadLetters: () => ACCEPTED,
  audit: () => ACCEPTED,
};

/** Starts the subscribers and the dead-letter sink; each puts down what it gets in the tally. */
export async function startSubscribers(
  tally: Tally,
): Promise<{ urls: Record<Receiver, string>; close: () => Promise<void> }> {
  const sinks: EventSink[] = [];
  const start = async (receiver: Receiver): Promise<string> => {
    const answer = ANSWERS[receiver];
    const respond = (request: RecordedRequest, attempt: number): SinkAnswer => {
      const id = request.event?.id ?? "";
      const given = answer(id, attempt);
      const accepted = typeof given === "object" && given.status < 300;
      tally.received(receiver, { id: orderIdIn(id), attempt, accepted });
      return given;
    };
    const sink = await startEventSink({ record: "ids", respond });
    sinks.push(sink);
    return sink.url;
  };
  const close = async () => {
    await Promise.all(sinks.map((sink) => sink.close()));
  };
  const urls = {
    healthy: await start("healthy"),
    flaky: await start("flaky"),
    refusing: await start("refusing"),
    deadLetters: await start("deadLetters"),
    audit: await start("audit"),
  };
  return { urls, close };
}

const REPLY_SUFFIX = "/confirmed";

/** Answers with an event of its own. Its id follows from the order's, so that a repeated reply is known as a duplicate. */
function replyTo(orderId: string): SinkAnswer {
  const reply = new CloudEvent({
    id: `${orderId}${REPLY_SUFFIX}`,
    source: "/demo/healthy",
    type: "demo.order.confirmed",
    data: { orderId },
  });
  const { headers, body } = HTTP.binary(reply);
  return { status: 200, headers: headers as Record<string, string>, body: String(body) };
}

/** Gives the id of the order that an event is, or replies to. */
function orderIdIn(id: string): string {
  return id.endsWith(REPLY_SUFFIX) ? id.slice(0, -REPLY_SUFFIX.length) : id;
}
