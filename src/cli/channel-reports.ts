/*
 * Puts together what is known of channels: the objects (what they should be, and conditions), the replicas of the dispatcher
 * (what each does, and its newest failures) and JetStream's own counts, which every replica reports alike. Pure.
 */
import type {
  ChannelEntry,
  ConsumerReport,
  Remark,
  StreamReport,
  SubscriberEntry,
} from "../api/dispatcher-pages.ts";
import { type Channel, channelKey } from "./cluster.ts";
import type { Replica } from "./replicas.ts";

/** Is one channel, as `status` shows it and `doctor` judges it. Counts are undefined where nobody could tell them. */
export interface ChannelReport {
  namespace: string;
  name: string;
  ready: "True" | "False" | "Unknown";
  reason?: string | undefined;
  message?: string | undefined;
  address?: string | undefined;
  stream?: string | undefined;
  storage?: string | undefined;
  messages?: number | undefined;
  bytes?: number | undefined;
  lastTime?: string | undefined;
  unapplied: Remark[];
  warnings: Remark[];
  subscribers: SubscriberReport[];
}

/** Is one subscriber. `inFlight`, `waiting` and `deadLetters` are sums over the replicas, `held` is so if one says so. */
export interface SubscriberReport {
  uid: string;
  name?: string | undefined;
  ready: "True" | "False" | "Unknown";
  message?: string | undefined;
  pending?: number | undefined;
  ackPending?: number | undefined;
  redelivered?: number | undefined;
  inFlight?: number | undefined;
  waiting?: number | undefined;
  deadLetters?: number | undefined;
  held?: boolean | undefined;
  lastFailure?: SubscriberEntry["lastFailure"];
}

/** Makes the reports of a cluster's channels, in their order. */
export function clusterReports(
  channels: readonly Channel[],
  replicas: readonly Replica[],
): ChannelReport[] {
  return channels.map((channel) => {
    const { metadata, status, spec } = channel;
    const key = channelKey(channel);
    const entries = entriesOf(key, replicas);
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    const stream = status?.stream?.name ?? entries.find((one) => one.stream)?.stream?.name;
    const counts = countsOf(key, stream, replicas);
    const names = new Map((spec?.subscribers ?? []).map((one) => [one.uid ?? "", one.name]));
    for (const { uid = "" } of status?.subscribers ?? []) {
      if (!names.has(uid)) names.set(uid, undefined);
    }
    return {
      namespace: metadata?.namespace ?? "",
      name: metadata?.name ?? "",
      ready: ready?.status ?? "Unknown",
      reason: ready?.reason || undefined,
      message: ready?.message || undefined,
      address: status?.address?.url,
      ...streamFields(stream, counts, status?.stream?.storage),
      ...remarksOf(entries, ready?.message),
      subscribers: [...names].map(([uid, name]) => {
        const said = status?.subscribers?.find((one) => one.uid === uid);
        return {
          ...{ uid, name: name || undefined },
          ready: said?.ready === "True" ? "True" : said?.ready === "False" ? "False" : "Unknown",
          message: said?.message || undefined,
          ...consumerFields(counts, uid),
          ...doings(uid, entries),
        };
      }),
    };
  });
}

/** Makes the reports of the channels that dispatchers know, where there is no Kubernetes. */
export function standaloneReports(replicas: readonly Replica[]): ChannelReport[] {
  const keys = replicas.flatMap(({ channels }) =>
    (channels?.channels ?? []).map(({ channel }) => channel),
  );
  return [...new Set(keys)].sort().map((key) => {
    const entries = entriesOf(key, replicas);
    const worst = entries.find((one) => !one.ready) ?? entries[0];
    const stream = entries.find((one) => one.stream)?.stream;
    const counts = countsOf(key, stream?.name, replicas);
    const [namespace = "", ...rest] = key.split("/");
    const [refusal] = worst?.refusals ?? [];
    const message = worst?.message ?? (refusal && `${refusal.path}: ${refusal.reason}`);
    const uids = new Set(entries.flatMap((one) => (one.subscribers ?? []).map(({ uid }) => uid)));
    return {
      namespace,
      name: rest.join("/"),
      ready: worst?.ready === true ? "True" : "False",
      reason: worst?.reason ?? (worst?.ready === false && refusal ? "InvalidSpec" : undefined),
      message: worst?.ready === true ? worst.message : message,
      address: worst?.address,
      ...streamFields(stream?.name, counts, stream?.storage),
      ...remarksOf(entries, worst?.ready === true ? undefined : message),
      subscribers: [...uids].map((uid) => {
        const own = subscribersOf(uid, entries);
        const unready = own.find(({ ready }) => !ready);
        return {
          ...{ uid, name: own.find(({ name }) => name)?.name },
          ready: unready === undefined ? "True" : "False",
          message: unready?.message,
          ...consumerFields(counts, uid),
          ...doings(uid, entries),
        };
      }),
    };
  });
}

function entriesOf(key: string, replicas: readonly Replica[]): ChannelEntry[] {
  return replicas.flatMap(({ channels }) =>
    (channels?.channels ?? []).filter(({ channel }) => channel === key),
  );
}

/** Finds the channel's stream as JetStream counts it: the one it has now, of those that it may have left. */
function countsOf(
  key: string,
  name: string | undefined,
  replicas: readonly Replica[],
): StreamReport | undefined {
  for (const { streams } of replicas) {
    for (const login of streams?.logins ?? []) {
      const found = login.streams.find((one) => one.channel === key && one.name === name);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function streamFields(
  stream: string | undefined,
  counts: StreamReport | undefined,
  storage: string | undefined,
) {
  const { messages, bytes, lastTime } = counts ?? {};
  return { stream, storage: counts?.storage ?? storage, messages, bytes, lastTime };
}

function consumerFields(counts: StreamReport | undefined, uid: string) {
  const consumer: Partial<ConsumerReport> =
    counts?.consumers.find((one) => one.subscriberUid === uid) ?? {};
  const { pending, ackPending, redelivered } = consumer;
  return { pending, ackPending, redelivered };
}

/** What the message of the channel says already is not said again. */
function remarksOf(
  entries: readonly ChannelEntry[],
  message = "",
): Pick<ChannelReport, "unapplied" | "warnings"> {
  const refused = entries.flatMap(({ refusals }) => refusals);
  const unapplied = entries.flatMap((entry) => entry.unapplied ?? []);
  const warnings = entries.flatMap((entry) => entry.warnings ?? []);
  const isNews = ({ reason }: Remark) => !message.includes(reason);
  return { unapplied: once([...refused, ...unapplied].filter(isNews)), warnings: once(warnings) };
}

/** Every replica says the same. */
function once(remarks: readonly Remark[]): Remark[] {
  const byText = new Map(
    remarks.map(({ path, reason }) => [`${path}: ${reason}`, { path, reason }]),
  );
  return [...byText.values()];
}

function subscribersOf(uid: string, entries: readonly ChannelEntry[]): SubscriberEntry[] {
  return entries.flatMap(({ subscribers = [] }) => subscribers.filter((one) => one.uid === uid));
}

function doings(uid: string, entries: readonly ChannelEntry[]) {
  const own = subscribersOf(uid, entries);
  const [lastFailure] = own
    .flatMap((one) => one.lastFailure ?? [])
    .sort((a, b) => b.at.localeCompare(a.at));
  return {
    inFlight: sum(own.map(({ inFlight }) => inFlight)),
    waiting: sum(own.map(({ waiting }) => waiting)),
    deadLetters: sum(own.map(({ deadLetters }) => deadLetters)),
    held: own.length === 0 ? undefined : own.some(({ held }) => held === true),
    lastFailure,
  };
}

function sum(numbers: readonly (number | undefined)[]): number | undefined {
  const known = numbers.filter((number) => number !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, number) => total + number, 0);
}
