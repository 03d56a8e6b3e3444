import { keyOf } from "../kube/resource.ts";
import type { createControllerMetrics } from "../runtime/metrics.ts";
import type { Channel } from "./kinds.ts";

/** Makes the page of metrics. Which channels are ready is taken from their status, for each scrape. */
export function metricsPage(
  { channelReady, registry }: ReturnType<typeof createControllerMetrics>,
  channels: () => Iterable<Channel>,
): () => Promise<{ contentType: string; body: string }> {
  return async () => {
    channelReady.reset();
    for (const channel of channels()) {
      const ready = channel.status?.conditions?.find(({ type }) => type === "Ready");
      channelReady.set({ channel: keyOf(channel) }, ready?.status === "True" ? 1 : 0);
    }
    return { contentType: registry.contentType, body: await registry.metrics() };
  };
}
