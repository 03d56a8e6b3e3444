import { createCloudEventClient } from "../../test/support/cloud-event-client.ts";
import { eventually } from "../../test/support/eventually.ts";
import type { ClusterDemonstration } from "./demonstration.ts";

const ATTEMPT_EVERY_MS = 100;
const ATTEMPTS = 300;
const DELIVERED_WITHIN_MS = 60_000;
let sent = 0;

type Say = (sentence: string) => void;

/** Sends events, each until it is acknowledged, and gives how many of them do not arrive. */
export async function sendAndCount(
  demonstration: ClusterDemonstration,
  count: number,
  say: Say,
): Promise<number> {
  const { sink } = demonstration;
  const ids: string[] = [];
  const startedAt = performance.now();
  for (let i = 0; i < count; i += 1) {
    const id = `order-${sent++}`;
    await sendUntilAcknowledged(demonstration, id);
    ids.push(id);
  }
  const missing = () => {
    const received = new Set(sink.ids);
    return ids.filter((id) => !received.has(id)).length;
  };
  await eventually(() => missing() === 0, {
    within: DELIVERED_WITHIN_MS,
    what: "every event at the subscriber",
  }).catch(() => undefined);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(`${count} events sent and acknowledged, ${count - missing()} delivered, in ${seconds} s`);
  return missing();
}

/** Does so with two dispatchers, of which one is killed meanwhile. */
export async function killWhileSending(
  demonstration: ClusterDemonstration,
  count: number,
  say: Say,
): Promise<number> {
  await demonstration.scale();
  const before = sent;
  const [missing] = await Promise.all([
    sendAndCount(demonstration, count, say),
    eventually(() => sent > before + count / 4, { within: DELIVERED_WITHIN_MS, what: "load" }).then(
      demonstration.killOne,
    ),
  ]);
  return missing;
}

/** What is not acknowledged is sent again, as every sender has to; JetStream drops the second copy. */
async function sendUntilAcknowledged({ channel }: ClusterDemonstration, id: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { host, target } = await channel.address();
    if (target !== undefined) {
      const client = createCloudEventClient({ port: Number(target.split(":").at(-1)), host });
      const answer = await client.sendBinary({ id }).catch(() => undefined);
      client.close();
      if (answer?.status === 202) return;
    }
    await new Promise((resolve) => setTimeout(resolve, ATTEMPT_EVERY_MS));
  }
  throw new Error(`event ${id} was never acknowledged`);
}
