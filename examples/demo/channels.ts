import { aChannel, aSubscriber, type ChannelObject } from "../../test/support/channels-file.ts";

/** Says where everything is: URLs without a slash at the end. */
export interface Places {
  dispatcherUrl: string;
  healthy: string;
  flaky: string;
  refusing: string;
  deadLetters: string;
  audit: string;
}

// Short, so that what a killed dispatcher held comes again within seconds; the default is 30 s.
const consumerConfigTemplate = { ackWait: "2s" };

/**
 * Makes the two channels. `orders` has a subscriber whose replies go into the channel `audit`, one that accepts each
 * order at the third attempt, and one that never does and has a dead-letter sink.
 */
export function channels(places: Places): ChannelObject[] {
  const healthy = aSubscriber({
    uid: "healthy",
    uri: places.healthy,
    replyUri: `${places.dispatcherUrl}/default/audit`,
    delivery: { backoffPolicy: "linear", backoffDelay: "PT0.2S" },
  });
  const flaky = aSubscriber({
    uid: "flaky",
    uri: places.flaky,
    delivery: { retry: 10, backoffPolicy: "linear", backoffDelay: "PT0.2S" },
  });
  const refusing = aSubscriber({
    uid: "refusing",
    uri: places.refusing,
    delivery: {
      retry: 2,
      backoffPolicy: "linear",
      backoffDelay: "PT0.2S",
      deadLetterSink: { uri: places.deadLetters },
    },
  });
  const auditor = aSubscriber({ uid: "audit", uri: places.audit });
  return [
    aChannel({
      name: "orders",
      spec: { consumerConfigTemplate, subscribers: [healthy, flaky, refusing] },
    }),
    aChannel({ name: "audit", spec: { consumerConfigTemplate, subscribers: [auditor] } }),
  ];
}
