/*
 * What `doctor` makes of the answers of dispatchers and of JetStream: connections to NATS, JetStream itself, channels and
 * subscribers, and streams whose channel is gone. Pure.
 */
import type { LoginState, StreamReport } from "../api/dispatcher-pages.ts";
import type { ChannelReport } from "./channel-reports.ts";
import { fail, type Line, ok, warn } from "./diagnosis.ts";
import type { Replica, Replicas } from "./replicas.ts";
import { shownBytes } from "./status-tables.ts";

const NATS_REMEDY =
  "is url in config-jetstream right, and may Pods of the dispatcher reach it? Logins and TLS: docs/security.md";
const JETSTREAM_REMEDY =
  "the server needs jetstream { store_dir: … }, and the account of the login jetstream: enabled";
const PERMISSIONS_REMEDY = "docs/security.md#permissions-in-nats has what the login needs";

/** Judges what replicas say of NATS and JetStream, and that they say anything. */
export function replicaLines({ replicas, faults }: Replicas): Line[] {
  const remedy =
    "kubectl -n <namespace> port-forward deployment/jetstream-ch-dispatcher 9090:9090, and --dispatcher-url http://127.0.0.1:9090";
  return [
    ...faults.map((fault) => warn("dispatcher", `cannot be asked: ${fault}`, remedy)),
    ...replicas.flatMap((replica) => [
      ...replica.faults.map((fault) => warn("dispatcher", `cannot be asked: ${fault}`, remedy)),
      ...natsLines(replica),
      ...jetstreamLines(replica),
    ]),
  ];
}

/** Judges channels: Ready, applied, with limits; and their subscribers. */
export function channelLines(reports: readonly ChannelReport[]): Line[] {
  const lines = reports.flatMap((report) => [
    ...conditionLines(report),
    ...subscriberLines(report),
  ]);
  const ready = reports.filter((one) => one.ready === "True").length;
  const sum = ok("channels", `${ready} of ${reports.length} channels are Ready`);
  return ready === reports.length ? [sum, ...lines] : lines;
}

/** Looks for streams with our metadata whose channel is not there. */
export function leftBehindLines(
  replicas: readonly Replica[],
  channels: ReadonlySet<string>,
): Line[] {
  const check = "streams";
  const streams = new Map<string, StreamReport>();
  for (const { streams: page } of replicas) {
    for (const { login, streams: own } of page?.logins ?? []) {
      for (const stream of own) streams.set(`${login} ${stream.name}`, stream);
    }
  }
  const left = [...streams.values()].filter(({ channel }) => !channels.has(channel));
  if (left.length === 0) {
    return streams.size === 0 ? [] : [ok(check, `each of ${streams.size} has its channel`)];
  }
  return left.map(({ name, channel, messages, bytes }) =>
    warn(
      check,
      `${name} is of channel ${channel}, which is not there; it keeps ${messages} events (${shownBytes(bytes)})`,
      `a channel of that name goes on with it; if nobody needs the events: nats stream rm ${name}`,
    ),
  );
}

function natsLines({ name, channels }: Replica): Line[] {
  if (channels === undefined) return [];
  const { nats, logins } = channels;
  return [
    ...loginLines(name, nats),
    ...logins.flatMap(({ login, ...state }) => loginLines(`${name}, login ${login}`, state)),
  ];
}

function loginLines(who: string, state: LoginState): Line[] {
  const { server, serverVersion, lastError, changedLogin, denied } = state;
  const lines: Line[] = [];
  if (state.state === "connected") {
    lines.push(ok("NATS", `${who}: nats-server ${serverVersion ?? "?"} at ${server}`));
  } else {
    lines.push(fail("NATS", `${who}: not connected: ${lastError ?? state.state}`, NATS_REMEDY));
  }
  if (changedLogin !== undefined) {
    const message = `${who}: the changed login does not work, the connection before it is kept: ${changedLogin}`;
    lines.push(warn("NATS", message, "correct the Secret: docs/security.md"));
  }
  for (const action of denied) {
    lines.push(fail("NATS permissions", `${who}: the login may not ${action}`, PERMISSIONS_REMEDY));
  }
  return lines;
}

function jetstreamLines({ name, channels, streams }: Replica): Line[] {
  // Without a connection that is what is to be said.
  if (channels !== undefined && channels.nats.state !== "connected") return [];
  return (streams?.logins ?? []).flatMap(({ login, fault, streams: own }) => {
    const who = login === "" ? name : `${name}, login ${login}`;
    if (fault !== undefined) return [fail("JetStream", `${who}: ${fault}`, JETSTREAM_REMEDY)];
    const faulty = own.filter((one) => one.fault !== undefined);
    return [
      ok("JetStream", `${who}: it has ${own.length} of this cluster's streams`),
      ...faulty.map((one) =>
        warn("JetStream", `${who}: consumers of ${one.name}: ${one.fault}`, PERMISSIONS_REMEDY),
      ),
    ];
  });
}

function conditionLines(report: ChannelReport): Line[] {
  const { namespace, name, ready, reason, message, unapplied, warnings } = report;
  const at = `${namespace}/${name}`;
  const describe = `kubectl -n ${namespace} describe natsjsmc ${name}; docs/troubleshooting.md`;
  const lines: Line[] = [];
  if (ready !== "True") {
    const why = [reason, message].filter((part) => part !== undefined).join(": ");
    lines.push(
      fail("channels", `${at} is not Ready: ${why || "nobody has said why yet"}`, describe),
    );
  }
  for (const { path, reason: what } of unapplied) {
    lines.push(warn("channels", `${at}: ${path}: ${what}`, "correct the field, or take it back"));
  }
  for (const { path, reason: what } of warnings) {
    lines.push(
      warn("channels", `${at}: ${path}: ${what}`, `kubectl -n ${namespace} edit natsjsmc ${name}`),
    );
  }
  return lines;
}

function subscriberLines({ namespace, name, subscribers }: ChannelReport): Line[] {
  return subscribers.flatMap((one) => {
    const who = `${namespace}/${name}: subscriber ${one.name ?? one.uid}`;
    const lines: Line[] = [];
    if (one.ready === "False") {
      const remedy = `kubectl -n ${namespace} describe subscriptions.messaging.knative.dev`;
      lines.push(
        warn("subscribers", `${who} is not ready: ${one.message ?? "no reason given"}`, remedy),
      );
    }
    if (one.held === true) {
      const { destination, reason } = one.lastFailure ?? {};
      const why = destination === undefined ? "" : `: ${destination} ${reason}`;
      const message = `${who} is held, everything that may be pending waits for another attempt${why}`;
      lines.push(
        warn("subscribers", message, "mend the subscriber; docs/delivery.md#held-subscribers"),
      );
    }
    return lines;
  });
}
