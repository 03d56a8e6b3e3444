import type { ConsumerReport, LoginStreams, StreamReport } from "../api/dispatcher-pages.ts";
import { consumerOwnerOf, streamOwnerOf } from "../api/ownership.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { ConsumerInfo, JetStreamManager, StreamInfo } from "./jetstream.ts";

/**
 * Asks JetStream for the streams with our metadata that one login sees, and for their consumers: one request for
 * 256 streams, and one for each stream of ours. What cannot be asked is said in the report; nothing is thrown.
 * Without a `clusterId` those of every cluster count.
 */
export async function reportStreams(
  jetstream: () => Promise<JetStreamManager>,
  { login, clusterId }: { login: string; clusterId: string | undefined },
): Promise<LoginStreams> {
  const streams: StreamReport[] = [];
  try {
    const jsm = await jetstream();
    for await (const info of jsm.streams.list()) {
      const owner = streamOwnerOf(info.config.metadata);
      if (owner === undefined || (clusterId !== undefined && owner.clusterId !== clusterId))
        continue;
      const { namespace, name } = owner.channel;
      const report = {
        ...streamReport(info),
        channel: `${namespace}/${name}`,
        origin: owner.origin,
      };
      streams.push({ ...report, ...(await reportConsumers(jsm, info.config.name)) });
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
