import type { ConsumerReport, LoginStreams, StreamReport } from "../api/dispatcher-pages.ts";
import { consumerOwnerOf, streamOwnerOf } from "../api/ownership.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { ConsumerInfo, JetStreamManager, StreamInfo } from "./jetstream.ts";

/** Streams whose consumers are asked for at once. */
const AT_ONCE = 16;
/** A person waits, and so does a server that answers nobody. */
const WITHIN_MS = 10_000;

/**
 * Asks JetStream for the streams with our metadata that one login sees, and for their consumers: one request for
 * 256 streams, and one for each stream of ours. What cannot be asked is said in the report; nothing is thrown.
 * Without a `clusterId` those of every cluster count.
 */
export async function reportStreams(
  jetstream: () => Promise<JetStreamManager>,
  { login, clusterId }: { login: string; clusterId: string | undefined },
): Promise<LoginStreams> {
  const deadline = performance.now() + WITHIN_MS;
  const streams: StreamReport[] = [];
  try {
    const jsm = await jetstream();
    const found: Omit<StreamReport, "consumers">[] = [];
    for await (const info of jsm.streams.list()) {
      const owner = streamOwnerOf(info.config.metadata);
      if (owner === undefined || (clusterId ?? owner.clusterId) !== owner.clusterId) continue;
      const channel = `${owner.channel.namespace}/${owner.channel.name}`;
      found.push({ ...streamReport(info), channel, origin: owner.origin });
    }
    while (found.length > 0) {
      if (performance.now() > deadline) {
        throw new Error(`${found.length} streams were not asked for within ${WITHIN_MS / 1_000} s`);
      }
      const some = found.splice(0, AT_ONCE).map(async (stream) => ({
        ...stream,
        ...(await reportConsumers(jsm, stream.name)),
      }));
      streams.push(...(await Promise.all(some)));
    }
    return { login, streams };
  } catch (error) {
    return { login, fault: errorMessage(error), streams };
  }
}

async function reportConsumers(
  jsm: JetStreamManager,
  stream: string,
): Promise<Pick<StreamReport, "consumers" | "fault">> {
  const consumers: ConsumerReport[] = [];
  try {
    for await (const info of jsm.consumers.list(stream)) {
      const owner = consumerOwnerOf(info.config.metadata);
      if (owner !== undefined) consumers.push(consumerReport(info, owner.subscriberUid));
    }
    return { consumers };
  } catch (error) {
    return { consumers, fault: errorMessage(error) };
  }
}

function streamReport({ config, state }: StreamInfo) {
  return {
    name: config.name,
    storage: config.storage,
    messages: state.messages,
    bytes: state.bytes,
    firstSequence: state.first_seq,
    lastSequence: state.last_seq,
    lastTime: state.last_seq === 0 ? undefined : state.last_ts,
  };
}

function consumerReport(info: ConsumerInfo, subscriberUid: string): ConsumerReport {
  return {
    name: info.name,
    subscriberUid,
    pending: info.num_pending,
    ackPending: info.num_ack_pending,
    redelivered: info.num_redelivered,
  };
}
