import { z } from "zod";
import { shown } from "./faults.ts";
import {
  aboveZero,
  CaCertificates,
  HttpUrl,
  isHttpUrl,
  isoDuration,
  textThat,
  withRule,
  wordOf,
} from "./fields.ts";
import { BACKOFF_POLICY, FORMAT } from "./words.ts";

/** Knative's duck types (knative.dev/eventing, pkg/apis/duck/v1). Other programs write them, so unknown fields pass. */

const KReference = z.looseObject({
  kind: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string().optional(),
  apiVersion: z.string().optional(),
  group: z.string().optional(),
  address: z.string().optional(),
});

/** Names where events go: an object that has an address (`ref`), a URL (`uri`), or a URL relative to that object's. */
export const Destination = withRule(
  z.looseObject({
    ref: KReference.optional(),
    uri: z.string().optional(),
    CACerts: CaCertificates.optional(),
    audience: z.string().optional(),
  }),
  ({ ref, uri }, addFault) => {
    if (ref !== undefined) return;
    if (uri === undefined || uri === "") {
      addFault(["uri"], "an absolute http or https URL is required, or a ref");
    } else if (typeof uri === "string" && !isHttpUrl(uri)) {
      addFault(["uri"], `an absolute http or https URL expected, got ${shown(uri)}`);
    }
  },
);
export type Destination = z.infer<typeof Destination>;

/** Says how an event is delivered: attempts, waiting times (ISO 8601) and where it goes when they are used up. */
export const DeliverySpec = z.looseObject({
  deadLetterSink: Destination.optional(),
  retry: z.int32().min(0).optional(),
  timeout: isoDuration(aboveZero).optional(),
  backoffPolicy: wordOf(BACKOFF_POLICY).optional(),
  backoffDelay: isoDuration().optional(),
  backoffMax: isoDuration(aboveZero).optional(),
  retryAfterMax: isoDuration().optional(),
  format: wordOf(FORMAT).optional(),
});
export type DeliverySpec = z.infer<typeof DeliverySpec>;

const SubscriberUid = textThat((text) =>
  /^[A-Za-z0-9_-]{1,64}$/.test(text)
    ? undefined
    : `1 to 64 letters, digits, "-" or "_" expected, got ${shown(text)}`,
);

/** Describes one subscriber of a channel, as Knative's Subscription controller writes it: destinations are resolved. */
export const SubscriberSpec = withRule(
  z.looseObject({
    uid: SubscriberUid,
    name: z.string().optional(),
    generation: z.int().min(0).optional(),
    subscriberUri: HttpUrl.optional(),
    subscriberCACerts: CaCertificates.optional(),
    subscriberAudience: z.string().optional(),
    replyUri: HttpUrl.optional(),
    replyCACerts: CaCertificates.optional(),
    replyAudience: z.string().optional(),
    delivery: DeliverySpec.optional(),
    auth: z
      .looseObject({
        serviceAccountName: z.string().optional(),
        serviceAccountNames: z.array(z.string()).optional(),
      })
      .optional(),
  }),
  ({ subscriberUri, replyUri }, addFault) => {
    if (isUnset(subscriberUri) && isUnset(replyUri)) {
      addFault(["subscriberUri"], "required (or a replyUri): an absolute http or https URL");
    }
  },
);
export type SubscriberSpec = z.infer<typeof SubscriberSpec>;

/** Says where an object takes events. */
export const Addressable = z.looseObject({
  name: z.string().optional(),
  url: z.string(),
  CACerts: z.string().optional(),
  audience: z.string().optional(),
});
export type Addressable = z.infer<typeof Addressable>;

/** States one fact about an object. `lastTransitionTime` (RFC 3339) is when `status` last changed. */
export const Condition = z.looseObject({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  severity: z.string().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: z.string().optional(),
  observedGeneration: z.int().optional(),
});
export type Condition = z.infer<typeof Condition>;

/** States whether events reach one subscriber; Knative wants its uid and generation back. */
export const SubscriberStatus = z.looseObject({
  uid: z.string(),
  observedGeneration: z.int().optional(),
  ready: z.enum(["True", "False", "Unknown"]).optional(),
  message: z.string().optional(),
  auth: z.looseObject({ serviceAccountName: z.string().optional() }).optional(),
});
export type SubscriberStatus = z.infer<typeof SubscriberStatus>;

function isUnset(value: unknown): boolean {
  return value === undefined || value === "";
}
