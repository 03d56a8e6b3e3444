import { expect, it } from "vitest";
import type { ChannelSettings } from "../../../src/api/settings.ts";
import { statusWithout } from "../../../src/dispatcher/channel-states.ts";
import { readiness } from "../../../src/dispatcher/readiness.ts";
import type { ServedChannel } from "../../../src/dispatcher/served-channel.ts";

const KEY = "shop/orders";
const connected = { state: "connected" } as const;
const served = (ready: boolean, reason: string, message: string) =>
  [[KEY, { status: { ...statusWithout(reason, message), ready } } as ServedChannel]] as const;

it.each([
  [
    "while NATS is away",
    { nats: { state: "connecting", lastError: "no route" } },
    "not connected to NATS: no route",
  ],
  [
    "before the first failure",
    { nats: { state: "connecting" } },
    "not connected to NATS: connecting",
  ],
  [
    "while channels are not known",
    { fault: "the channels are not loaded yet: listing them" },
    "the channels are not loaded yet: listing them",
  ],
  ["before a channel is looked at", {}, `channel ${KEY}: not yet served`],
  [
    "while a channel waits",
    { served: served(false, "WaitingForLeader", "no leader yet") },
    `channel ${KEY}: no leader yet`,
  ],
  ["with a channel that was refused", { served: served(false, "StreamOwnedByAnother", "x") }, true],
  ["with all channels served", { served: served(true, "", "") }, true],
])("says %s which part is not ready, if any", (_, world, expected) => {
  const {
    nats = connected,
    fault,
    served = [],
  } = world as {
    nats?: { state: "connected" | "connecting"; lastError?: string };
    fault?: string;
    served?: Iterable<readonly [string, ServedChannel]>;
  };
  const { ready, stop } = readiness({
    connection: { state: { lastError: undefined, ...nats } },
    source: { keys: () => [KEY], get: () => ({}) as ChannelSettings },
    served: new Map(served),
    sourceFault: () => fault,
  });
  expect(ready()).toBe(expected);
  stop();
  expect(ready()).toBe("shutting down");
});
