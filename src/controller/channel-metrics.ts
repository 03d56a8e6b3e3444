import { keyOf } from "../kube/resource.ts";
import type { createControllerMetrics } from "../runtime/metrics.ts";
import type { Channel } from "./kinds.ts";

/** Writes the page of metrics, where they are wanted. Which channels are ready is taken from their status, for each scrape. */
export async function pageOf(
  { channelReady, registry }: ReturnType<typeof createControllerMetrics>,
  { channels }: { channels: () => Iterable<Channel> },
  { hasMetrics }: { hasMetrics: boolean },
): Promise<{ contentType: string; body: string } | undefined> {
  if (!hasMetrics) return undefined;
  channelReady.reset();
  for (const channel of channels()) {
    const ready = channel.status?.conditions?.find(({ type }) => type === "Ready");
    channelReady.set({ channel: keyOf(channel) }, ready?.status === "True" ? 1 : 0);
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}
