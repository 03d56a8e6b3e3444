import { z } from "zod";
import { shown } from "./faults.ts";
import {
  ABOVE_ZERO,
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

// Knative adds fields from time to time and rewrites objects as a whole: what the API server dropped, it would write again for ever.
const OPEN = { "x-kubernetes-preserve-unknown-fields": true };

const KReference = z
  .looseObject({
    kind: z.string().optional().describe("Kind of the object."),
    namespace: z.string().optional().describe("Namespace of the object; unset: the channel's own."),
    name: z.string().optional().describe("Name of the object."),
    apiVersion: z.string().optional().describe("Group and version of the object's API."),
    group: z
      .string()
      .optional()
      .describe("Group of the object's API, where the version is left to the cluster."),
    address: z
      .string()
      .optional()
      .describe("Name of one of the object's addresses; unset: its first one."),
  })
  .meta(OPEN);

const NO_SINK = "an absolute http or https URL is required, or a ref";

/** Names where events go: an object that has an address (`ref`), a URL (`uri`), or a URL relative to that object's. */
export const Destination = withRule(
  z.looseObject({
    ref: KReference.optional().describe(
      "An object that has an address, such as a Service or a Channel.",
    ),
    uri: z
      .string()
      .optional()
      .describe(
        "An absolute http or https URL; beside a ref also one that is relative to its address.",
      ),
    CACerts: CaCertificates.optional().describe(
      "Certificates (PEM) of the authorities that are trusted for this address, beside the system's.",
    ),
    audience: z.string().optional().describe("OIDC audience of the address."),
  }),
  ({ ref, uri }, addFault) => {
    if (ref !== undefined) return;
    if (uri === undefined || uri === "") {
      addFault(["uri"], NO_SINK);
    } else if (typeof uri === "string" && !isHttpUrl(uri)) {
      addFault(["uri"], `an absolute http or https URL expected, got ${shown(uri)}`);
    }
  },
  {
    rule: "has(self.ref) || has(self.uri) && self.uri.matches('^(?i:https?)://[^/?#]') && !self.uri.matches(r'[\\p{Z}\\p{Cc}]') && isURL(self.uri)",
    message: NO_SINK,
    fieldPath: ".uri",
  },
).meta(OPEN);
export type Destination = z.infer<typeof Destination>;

/** Says how an event is delivered: attempts, waiting times (ISO 8601) and where it goes when they are used up. */
export const DeliverySpec = z
  .looseObject({
    deadLetterSink: Destination.optional().describe(
      "Where an event goes that could not be delivered; unset: it is delivered again and again, or dropped once retry is used up.",
    ),
    retry: z
      .int32()
      .min(0)
      .optional()
      .describe("Further attempts after the first; unset without a dead-letter sink: without end."),
    timeout: isoDuration(ABOVE_ZERO)
      .optional()
      .describe("Longest time of one attempt: an ISO 8601 duration; PT5M where it is unset."),
    backoffPolicy: wordOf(BACKOFF_POLICY)
      .optional()
      .describe(
        "How waiting times grow. linear: backoffDelay times the number of the re-attempt. exponential: twice as long each time.",
      ),
    backoffDelay: isoDuration()
      .optional()
      .describe("Waiting time before the first re-attempt: an ISO 8601 duration like PT1S."),
    backoffMax: isoDuration(ABOVE_ZERO)
      .optional()
      .describe("Longest waiting time before a re-attempt: an ISO 8601 duration."),
    retryAfterMax: isoDuration()
      .optional()
      .describe(
        "Longest waiting time that a subscriber may ask for by Retry-After with 429 and 503; unset or PT0S: it is not looked at.",
      ),
    format: wordOf(FORMAT)
      .optional()
      .describe("binary (default) or json: the CloudEvents mode in which events are sent."),
  })
  .meta(OPEN);
export type DeliverySpec = z.infer<typeof DeliverySpec>;

const SubscriberUid = textThat((text) =>
  /^[A-Za-z0-9_-]{1,64}$/.test(text)
    ? undefined
    : `1 to 64 letters, digits, "-" or "_" expected, got ${shown(text)}`,
);

const SENT_AS = "As whom events are sent, where OIDC is on.";

const Sender = z.looseObject({
  serviceAccountName: z
    .string()
    .optional()
    .describe("A ServiceAccount in the channel's namespace."),
  serviceAccountNames: z
    .array(z.string())
    .optional()
    .describe("ServiceAccounts in the channel's namespace."),
});

/** Describes one subscriber of a channel, as Knative's Subscription controller writes it: destinations are resolved. */
export const SubscriberSpec = withRule(
  z.looseObject({
    uid: SubscriberUid.describe(
      "Uid of the Subscription; the subscriber's consumer is named after it.",
    ),
    name: z.string().optional().describe("Name of the Subscription."),
    generation: z.int().min(0).optional().describe("Generation of the Subscription."),
    subscriberUri: HttpUrl.optional().describe(
      "Where events are sent; unset: they go to replyUri.",
    ),
    subscriberCACerts: CaCertificates.optional().describe(
      "Certificates (PEM) of the authorities that are trusted for subscriberUri.",
    ),
    subscriberAudience: z.string().optional().describe("OIDC audience of the subscriber."),
    replyUri: HttpUrl.optional().describe(
      "Where the subscriber's replies are sent; unset: they are dropped.",
    ),
    replyCACerts: CaCertificates.optional().describe(
      "Certificates (PEM) of the authorities that are trusted for replyUri.",
    ),
    replyAudience: z.string().optional().describe("OIDC audience of replyUri."),
    delivery: DeliverySpec.optional().describe(
      "How events are delivered to this subscriber; unset: as the channel's delivery says.",
    ),
    auth: Sender.meta(OPEN).optional().describe(SENT_AS),
  }),
  ({ subscriberUri, replyUri }, addFault) => {
    if (isUnset(subscriberUri) && isUnset(replyUri)) {
      addFault(["subscriberUri"], "required (or a replyUri): an absolute http or https URL");
    }
  },
).meta(OPEN);
export type SubscriberSpec = z.infer<typeof SubscriberSpec>;

/** Says where an object takes events. */
export const Addressable = z.looseObject({
  name: z.string().optional().describe("Name of the address."),
  url: z.string().describe("URL that takes events."),
  CACerts: z
    .string()
    .optional()
    .describe("Certificates (PEM) of the authorities that a sender has to trust."),
  audience: z.string().optional().describe("OIDC audience of the address."),
});
export type Addressable = z.infer<typeof Addressable>;

// Two programs apply entries of one list: each entry is one program's, or none could drop what the other has once touched.
const WHOLE_ENTRY = { "x-kubernetes-map-type": "atomic" };

/** States one fact about an object. `lastTransitionTime` (RFC 3339) is when `status` last changed. */
export const Condition = z
  .looseObject({
    type: z.string().describe("What is stated, such as Ready."),
    status: z.enum(["True", "False", "Unknown"]).describe("Whether it is so."),
    severity: z
      .string()
      .optional()
      .describe("Unset where False means that the channel does not work, else Warning or Info."),
    reason: z.string().optional().describe("Why it is so, in one word for programs."),
    message: z.string().optional().describe("Why it is so, and what to do, for people."),
    lastTransitionTime: z.string().optional().describe("When status changed last (RFC 3339)."),
    observedGeneration: z
      .int()
      .optional()
      .describe("Generation of the channel that this is about."),
  })
  .meta(WHOLE_ENTRY);
export type Condition = z.infer<typeof Condition>;

/** States whether events reach one subscriber; Knative wants its uid and generation back. */
export const SubscriberStatus = z
  .looseObject({
    uid: z.string().describe("Uid of the Subscription."),
    observedGeneration: z
      .int()
      .optional()
      .describe("Generation of the Subscription that this is about."),
    ready: z
      .enum(["True", "False", "Unknown"])
      .optional()
      .describe("Whether events reach the subscriber."),
    message: z.string().optional().describe("Why they do not."),
    auth: Sender.optional().describe(SENT_AS),
  })
  .meta(WHOLE_ENTRY);
export type SubscriberStatus = z.infer<typeof SubscriberStatus>;

function isUnset(value: unknown): boolean {
  return value === undefined || value === "";
}
