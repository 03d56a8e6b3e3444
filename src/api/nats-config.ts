import { z } from "zod";
import { NatsAuth, NatsTls, waysIn } from "./auth.ts";
import { parseIsoDuration } from "./duration.ts";
import { faultsOf, InvalidConfigError, sentenceFor, shown } from "./faults.ts";
import { isoDuration, isoMsOrZero, textThat, withRule } from "./fields.ts";
import { translateGoShape } from "./go-nats-config.ts";
import { compileAuth, compileTls, type NatsLogin } from "./login.ts";
import { parseQuantity } from "./quantity.ts";
import { isLiteralSubject, isStreamName } from "./subjects.ts";
import { withoutNulls } from "./without-nulls.ts";

/**
 * The dispatcher's configuration file, `eventing-jetstream`: how it reaches NATS and how it works. It is ours alone, so an unknown key is
 * a typo and a fault; only what the Go implementation's file has is understood too (go-nats-config.ts). Durations in it are ISO 8601,
 * sizes Kubernetes quantities of bytes; defaults and bounds are in the schema.
 */

/**
 * Is how a dispatcher reaches NATS and works. `auth` and `tls` name Secrets and ConfigMaps in the dispatcher's namespace; `servers` is
 * undefined where the file names none; `warnings` are sentences for the log about what should be written in another way.
 */
export interface NatsConfig extends NatsLogin {
  servers: string[] | undefined;
  warnings: string[];
  jetstream: { domain: string; subjectPrefix: string; streamPrefix: string };
  dispatch: DispatchSettings;
}

/**
 * Is how a dispatcher works: `concurrency` deliveries at once per subscriber and replica, `memoryBytes` of events held for delivery,
 * `maxPublishes` and `publishBytes` in flight towards the server; `requestTimeoutMs` covers a whole request with its body. At SIGTERM it
 * accepts events until none came for `quietPeriodMs`, and ends within `gracePeriodMs`.
 */
export interface DispatchSettings {
  timeoutMs: number;
  concurrency: number;
  memoryBytes: number;
  publishTimeoutMs: number;
  maxPublishes: number;
  publishBytes: number;
  maxEventBytes: number | undefined;
  requestTimeoutMs: number;
  headersTimeoutMs: number;
  keepAliveTimeoutMs: number;
  quietPeriodMs: number;
  gracePeriodMs: number;
}

const DAY_MS = 86_400_000;

const Servers = textThat((text) => {
  const faulty = serversOf(text).find((server) => !isServer(server));
  if (faulty === undefined) return undefined;
  // Where there is a login, no part of it may show, however the text falls apart.
  const given = text.includes("@") ? "" : `, got ${shown(faulty)}`;
  return `nats:// or tls:// URLs with a comma between them expected${given}`;
});

// One day is far beyond any use, and within what a timer can count.
const Wait = isoDuration({
  check: (ms) => (ms > 0 && ms <= DAY_MS ? undefined : "more than 0 and at most P1D expected"),
});
const WaitOrNone = isoDuration({
  check: (ms) => (ms <= DAY_MS ? undefined : "at most P1D expected"),
});

const Domain = textThat((text) =>
  text === "" || isStreamName(text)
    ? undefined
    : `a JetStream domain (no white space, none of . * > / \\ ,) expected, got ${shown(text)}`,
);
const SubjectPrefix = textThat((text) =>
  text === "" || (isLiteralSubject(text) && text.length <= 100)
    ? undefined
    : `a subject like "east" or "plant.east" (no wildcards, no dot at its ends, at most 100 characters) expected, got ${shown(text)}`,
);
const StreamPrefix = textThat((text) =>
  text === "" || (isStreamName(text) && text.length <= 100)
    ? undefined
    : `the begin of a stream's name (no white space, none of . * > / \\ , and at most 100 characters) expected, got ${shown(text)}`,
);

const DispatchFile = withRule(
  z.strictObject({
    timeout: Wait.default("PT5M").describe(
      "Deadline of a request to a subscriber that has no delivery.timeout.",
    ),
    concurrency: z
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .describe("Deliveries in flight for each subscriber and replica."),
    memory: sizeFrom("16Mi")
      .default("128Mi")
      .describe("Bytes of events that are held for delivery."),
    publishTimeout: Wait.default("PT10S").describe(
      "How long an event waits for JetStream's acknowledgement before it is answered 503.",
    ),
    maxPublishes: z
      .int()
      .min(1)
      .max(65_536)
      .default(4096)
      .describe("Events that wait for it at once."),
    publishMemory: sizeFrom("1Mi")
      .default("64Mi")
      .describe("Bytes of events that are being received or wait for it."),
    maxEventSize: sizeFrom("1")
      .optional()
      .describe("Largest event, headers and data together; unset: the server's max_payload."),
    requestTimeout: Wait.default("PT30S").describe(
      "How long a sender may take for a whole request.",
    ),
    headersTimeout: Wait.default("PT10S").describe(
      "How long a sender may take for the headers; at most requestTimeout.",
    ),
    keepAliveTimeout: Wait.default("PT75S").describe(
      "How long an idle connection of a sender stays open.",
    ),
    quietPeriod: WaitOrNone.default("PT5S").describe(
      "At SIGTERM events are accepted until none came for so long, but for half of gracePeriod at the most.",
    ),
    gracePeriod: Wait.default("PT60S").describe("At SIGTERM everything ends within this."),
  }),
  ({ requestTimeout = "PT30S", headersTimeout = "PT10S" }, addFault) => {
    // node:http refuses such a server.
    if (isoMsOrZero(headersTimeout) > isoMsOrZero(requestTimeout)) {
      const given = `${shown(headersTimeout)} with requestTimeout ${shown(requestTimeout)}`;
      addFault(["headersTimeout"], `at most requestTimeout expected, got ${given}`);
    }
  },
);

/** Describes the file, as it is written. */
export const NatsConfigFile = withRule(
  z.strictObject({
    url: Servers.optional().describe(
      "One or several servers, with commas between them; NATS_URL of the environment wins.",
    ),
    auth: NatsAuth.optional().describe(
      "How the dispatcher logs in to NATS, with at most one way; unset: as the url says.",
    ),
    tls: NatsTls.optional().describe("How the dispatcher and the server know each other."),
    jetstream: z
      .strictObject({
        domain: Domain.default("").describe("JetStream domain, for a leaf node."),
        subjectPrefix: SubjectPrefix.default("").describe(
          "Goes before every subject, for several clusters on one account.",
        ),
        streamPrefix: StreamPrefix.default("").describe(
          "Goes before every stream's name in the same way.",
        ),
      })
      .prefault({})
      .describe("Names in JetStream."),
    dispatch: DispatchFile.prefault({}).describe("How the dispatcher works."),
  }),
  ({ url, auth }, addFault) => {
    const [way] = waysIn(auth);
    // Which of them the server would look at is nothing to rely on.
    if (way !== undefined && typeof url === "string" && url.includes("@")) {
      addFault(["auth"], `one way to log in expected, got ${way} and a login in url`);
    }
  },
);

/**
 * Parses the file's content (parsed YAML; an empty file means every default) into frozen settings. Throws one error that lists
 * every fault with its path as it is in the file, and for an unknown key the allowed ones. Values that could be secret are not repeated.
 */
export function parseNatsConfig(value: unknown): NatsConfig {
  const translation = translateGoShape(withoutNulls(value) ?? {});
  const parsed = NatsConfigFile.safeParse(translation.value, { error: sentenceFor });
  if (!parsed.success) {
    const faults = faultsOf(parsed.error).map(({ path, reason }) => ({
      path: translation.pathGiven(path),
      reason,
    }));
    throw new InvalidConfigError("the NATS configuration", faults);
  }
  const { url, auth, tls, jetstream, dispatch } = parsed.data;
  return frozen({
    servers: url === undefined ? undefined : serversOf(url),
    auth: compileAuth(auth),
    tls: compileTls(tls),
    warnings: translation.warnings,
    jetstream,
    dispatch: compileDispatch(dispatch),
  });
}

function compileDispatch(file: z.infer<typeof DispatchFile>): DispatchSettings {
  return {
    timeoutMs: parseIsoDuration(file.timeout),
    concurrency: file.concurrency,
    memoryBytes: parseQuantity(file.memory),
    publishTimeoutMs: parseIsoDuration(file.publishTimeout),
    maxPublishes: file.maxPublishes,
    publishBytes: parseQuantity(file.publishMemory),
    maxEventBytes: file.maxEventSize === undefined ? undefined : parseQuantity(file.maxEventSize),
    requestTimeoutMs: parseIsoDuration(file.requestTimeout),
    headersTimeoutMs: parseIsoDuration(file.headersTimeout),
    keepAliveTimeoutMs: parseIsoDuration(file.keepAliveTimeout),
    quietPeriodMs: parseIsoDuration(file.quietPeriod),
    gracePeriodMs: parseIsoDuration(file.gracePeriod),
  };
}

function sizeFrom(smallest: string) {
  return z
    .union([z.string(), z.number()], { error: 'a size like "128Mi" expected' })
    .superRefine((value, context) => {
      const message = sizeFault(value, smallest);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    });
}

function sizeFault(value: string | number, smallest: string): string | undefined {
  try {
    const isEnough = parseQuantity(value) >= parseQuantity(smallest);
    return isEnough ? undefined : `at least ${smallest} expected, got ${shown(value)}`;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function serversOf(url: string): string[] {
  return url.split(",").map((server) => server.trim());
}

function isServer(server: string): boolean {
  const [, scheme, rest = ""] = /^(?:([a-z]+):\/\/)?(.*)$/i.exec(server) ?? [];
  if (scheme !== undefined && !/^(nats|tls)$/i.test(scheme)) return false;
  // Read as http, for which URL knows what a host and a port are.
  const address = `http://${rest.replace(/\/$/, "")}`;
  return !/[\s/?#]/.test(rest.replace(/\/$/, "")) && rest !== "" && URL.canParse(address);
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const field of Object.values(value)) frozen(field);
    Object.freeze(value);
  }
  return value;
}
