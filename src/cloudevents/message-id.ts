import { hash } from "node:crypto";

/** The attributes that make a delivery one of its own, as text; absent ones are undefined. */
export interface EventIdentity {
  source: string;
  id: string;
  knativeerrordest: string | undefined;
  knativebrokerttl: string | undefined;
}

/**
 * Makes an event's `Nats-Msg-Id`: SHA-256 (base64url, 43 characters) of the length-prefixed source
 * and id, which are an event's identity (CloudEvents 1.0.2, "source"), and of the two attributes that
 * tell a dead letter and a Broker's hop from the event that they come from. Binary and structured
 * mode of one event give one id.
 */
export function messageIdFor(event: EventIdentity): string {
  const { source, id, knativeerrordest: dest, knativebrokerttl: ttl } = event;
  let text = `${source.length}:${source}${id.length}:${id}`;
  if (dest !== undefined) text += `d${dest.length}:${dest}`;
  if (ttl !== undefined) text += `t${ttl.length}:${ttl}`;
  return hash("sha256", text, "base64url");
}
