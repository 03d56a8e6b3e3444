import { keyOf } from "../kube/resource.ts";
import type { createControllerMetrics } from "../runtime/metrics.ts";
import type { Channel } from "./kinds.ts";

/** Takes from their status which channels are ready; to be called for each scrape. */
export function observeChannels(
  { channelReady }: Pick<ReturnType<typeof createControllerMetrics>, "channelReady">,
  channels: Iterable<Channel>,
): void {
  channelReady.reset();
  for (const channel of channels) {
    const ready = channel.status?.conditions?.find(({ type }) => type === "Ready");
    channelReady.set({ channel: keyOf(channel) }, ready?.status === "True" ? 1 : 0);
  }
}
