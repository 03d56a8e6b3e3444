/**
 * A data plane whose file of channels a test edits channel by channel, and questions to it: what `/channels` shows, what is
 * on the server, what the metrics say.
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import {
  aChannel,
  aSubscriber,
  type ChannelParts,
  type SubscriberParts,
} from "../../support/channels-file.ts";
import { type DataPlane, type DataPlaneOptions, startDataPlane } from "../../support/data-plane.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";

/** Is what `/channels` shows of a channel, as far as tests look. */
export interface ShownChannel {
  channel: string;
  ready: boolean;
  reason?: string;
  message?: string;
  stream?: { name: string; origin: string };
  unapplied?: { path: string; reason: string }[];
  refusals: { path: string; reason: string; subscriberUid?: string }[];
  subscribers?: { uid: string; ready: boolean; message?: string; attached?: boolean }[];
}

/** Is what `/channels` shows. */
export interface ShownPage {
  error?: string;
  nats: { state: string };
  files: { path: string; channels: number; error?: string }[];
  channels: ShownChannel[];
}

/** Holds a channel as a test writes it: its parts, with subscribers in short. */
export interface ChannelDraft extends Omit<ChannelParts, "name"> {
  subscribers?: SubscriberParts[];
}

/** Holds the data plane and what a test does with it. */
export interface StandaloneWorld {
  readonly dataPlane: DataPlane;
  readonly jsm: JetStreamManager;
  /** Writes the file anew with these channels changed, or with `undefined` removed; does not wait. */
  edit(changes: Record<string, ChannelDraft | undefined>): Promise<void>;
  /** Waits until `/channels` shows of a channel what the check wants. */
  shows(name: string, check: (shown: ShownChannel) => unknown, what: string): Promise<ShownChannel>;
  /** Names the consumers on a channel's stream; undefined when there is no stream. */
  consumers(name: string): Promise<string[] | undefined>;
  stop(): Promise<void>;
}

/** Starts it with channels of namespace default. */
export async function startStandalone(
  channels: Record<string, ChannelDraft>,
  options: Omit<DataPlaneOptions, "channels"> = {},
): Promise<StandaloneWorld> {
  const drafts = new Map<string, ChannelDraft>(Object.entries(channels));
  const objects = () => [...drafts].map(([name, draft]) => channelFor(name, draft));
  const dataPlane = await startDataPlane({ ...options, channels: objects() });
  const jsm = await jetstreamManager(dataPlane.nc);
  return {
    dataPlane,
    jsm,
    async edit(changes) {
      for (const [name, draft] of Object.entries(changes)) {
        if (draft === undefined) drafts.delete(name);
        else drafts.set(name, draft);
      }
      await dataPlane.write(objects());
    },
    shows: (name, check, what) =>
      eventually(
        async () => {
          const shown = await shownChannel(dataPlane.dispatcher, `default/${name}`);
          return shown !== undefined && check(shown) !== false ? shown : false;
        },
        { within: 10_000, what: `/channels to show of ${name}: ${what}` },
      ),
    async consumers(name) {
      const stream = streamOf(name);
      const names: string[] = [];
      try {
        for await (const info of jsm.consumers.list(stream)) names.push(info.name);
        return names;
      } catch (error) {
        if (String(error).includes("stream not found")) return undefined;
        throw error;
      }
    },
    stop: () => dataPlane.stop(),
  };
}

/** Gives the object of a channel. */
export function channelFor(name: string, { subscribers = [], spec, ...parts }: ChannelDraft) {
  const entries = subscribers.map((one) => aSubscriber(one));
  return aChannel({ ...parts, name, spec: { ...spec, subscribers: entries } });
}

/** Names the stream of a channel of namespace default. */
export function streamOf(name: string): string {
  return `KN_DEFAULT__${name.toUpperCase().replaceAll("-", "_")}`;
}

/** Reads `/channels`. */
export async function shownPage(dispatcher: DispatcherProcess): Promise<ShownPage> {
  return (await dispatcher.channels()) as ShownPage;
}

/** Reads what `/channels` shows of a channel; undefined when it shows nothing. */
export async function shownChannel(
  dispatcher: DispatcherProcess,
  key: string,
): Promise<ShownChannel | undefined> {
  return (await shownPage(dispatcher)).channels.find(({ channel }) => channel === key);
}
