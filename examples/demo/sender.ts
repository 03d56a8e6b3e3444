/*
 * Sends the orders as an event source does: CloudEvents of the SDK, binary and structured in turn, over
 * kept connections, at an even rate. An order without a 202 is sent again under the same id until it
 * has one; the channel knows it by source and id, so that a second copy is not stored.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { CloudEvent, HTTP, type Message } from "cloudevents";
import { Pool } from "undici";
import type { Tally } from "./tally.ts";

const CONNECTIONS = 32;
const ANSWER_WITHIN_MS = 15_000;
const SEND_AGAIN_AFTER_MS = 100;
/** What Knative's data plane spec has senders try again, besides 5xx: a channel's address answers 404 until it is served. */
const RETRIABLE_4XX = [404, 408, 409, 429];

/** Says what to send where, and how fast. */
export interface Sending {
  url: string;
  count: number;
  perSecond: number;
  tally: Tally;
  stopping: AbortSignal;
}

/** Sends all orders; resolves when each is acknowledged. Rejects when one is refused for good. */
export async function sendEvents({
  url,
  count,
  perSecond,
  tally,
  stopping,
}: Sending): Promise<void> {
  const { origin, pathname: path } = new URL(url);
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    headersTimeout: ANSWER_WITHIN_MS,
  });
  const startedAt = performance.now();
  let next = 1;
  const sendInTurn = async () => {
    while (next <= count) {
      const number = next++;
      const dueInMs = startedAt + (number * 1_000) / perSecond - performance.now();
      if (dueInMs > 0) await sleep(dueInMs, undefined, { signal: stopping });
      const order = anOrder(number);
      const message = number % 2 === 0 ? HTTP.binary(order) : HTTP.structured(order);
      tally.send(order.id);
      while (!(await isAcknowledged(pool, path, message))) {
        tally.sendAgain();
        await sleep(SEND_AGAIN_AFTER_MS, undefined, { signal: stopping });
      }
      tally.acknowledge(order.id);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, sendInTurn));
  } finally {
    await pool.destroy();
  }
}

function anOrder(number: number): CloudEvent<unknown> {
  return new CloudEvent({
    id: `order-${number}`,
    source: "/demo/shop",
    type: "demo.order.placed",
    datacontenttype: "application/json",
    data: { number, item: "kettle", price: "34.90" },
  });
}

async function isAcknowledged(pool: Pool, path: string, message: Message): Promise<boolean> {
  const { status, reason } = await post(pool, path, message);
  if (status === 202) return true;
  if (status >= 300 && status < 500 && !RETRIABLE_4XX.includes(status)) {
    throw new Error(`the channel refused an order: ${status} ${reason.trim()}`);
  }
  return false;
}

async function post(
  pool: Pool,
  path: string,
  { headers, body }: Message,
): Promise<{ status: number; reason: string }> {
  try {
    const answer = await pool.request({
      method: "POST",
      path,
      headers: headers as Record<string, string>,
      body: String(body),
    });
    return { status: answer.statusCode, reason: await answer.body.text() };
  } catch {
    // Nobody listens, or the connection broke: whether the order was stored is not known.
    return { status: 0, reason: "" };
  }
}
