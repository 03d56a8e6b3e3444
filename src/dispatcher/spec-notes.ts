import type { ChannelSettings } from "../api/settings.ts";
import type { Unapplied } from "./edits.ts";

/** Lists fields of a channel that are accepted and have no effect, each with what happens instead. */
export function specNotes({ stream, consumer }: ChannelSettings): Unapplied[] {
  const notes: Unapplied[] = [];
  if (stream.template !== undefined) {
    notes.push({
      path: "spec.stream.config.template",
      reason:
        "servers of today have no stream templates: the stream is made from the other fields alone",
    });
  }
  if (consumer.consumerType === "push") {
    notes.push({
      path: "spec.consumerConfigTemplate.consumerType",
      reason: "delivery is by pull, which does all that push does",
    });
  }
  if (consumer.memoryStorage) {
    notes.push({
      path: "spec.consumerConfigTemplate.memoryStorage",
      reason: "applied to new consumers, which forget their position when the server restarts",
    });
  }
  return notes;
}
