/**
 * A dispatcher as most people would write it: the client's `consume()`, `undici.request`, and an ack after any success,
 * with a bounded number of requests in flight. It retries nothing, so it does less than a dispatcher has to.
 */
import { type JsMsg, jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { request } from "undici";
import { answerParent } from "./answer-parent.ts";

/** Says what to deliver where; the answer comes when all are acknowledged. */
export interface Delivery {
  stream: string;
  consumer: string;
  sinkUrl: string;
  events: number;
  inFlight: number;
}

const [natsUrl] = process.argv.slice(2) as [string];
const nc = await connect({ servers: natsUrl });
const js = jetstream(nc);

answerParent({}, async ({ stream, consumer: name, sinkUrl, events, inFlight }: Delivery) => {
  const consumer = await js.consumers.get(stream, name);
  const messages = await consumer.consume({ max_messages: 2 * inFlight });
  let started = 0;
  let underWay = 0;
  let onFree = () => {};
  const failures: unknown[] = [];
  for await (const message of messages) {
    started += 1;
    underWay += 1;
    deliver(message, sinkUrl)
      .catch((error: unknown) => failures.push(error))
      .finally(() => {
        underWay -= 1;
        onFree();
      });
    const bound = started === events ? 1 : inFlight;
    while (underWay >= bound) {
      await new Promise<void>((resolve) => {
        onFree = resolve;
      });
    }
    if (started === events) {
      break;
    }
  }
  await nc.flush();
  if (failures.length > 0) {
    throw new Error(`${failures.length} events were not delivered`, { cause: failures[0] });
  }
});

async function deliver(message: JsMsg, url: string): Promise<void> {
  const headers: Record<string, string> = {};
  for (const [name, values] of message.headers ?? []) {
    if (name === "ce-datacontenttype") {
      headers["content-type"] = values[0] ?? "";
    } else if (name.startsWith("ce-")) {
      headers[name] = values[0] ?? "";
    }
  }
  const response = await request(url, { method: "POST", headers, body: message.data });
  await response.body.dump();
  if (response.statusCode >= 300) {
    throw new Error(`the sink answered ${response.statusCode}`);
  }
  message.ack();
}
