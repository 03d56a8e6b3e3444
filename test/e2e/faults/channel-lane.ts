/** One channel of the random test: carries out its steps, and reads what came of them in the words of the model. */
import { JetStreamApiCodes, JetStreamApiError, type StreamInfo } from "@nats-io/jetstream";
import { consumerNameFor, FINALIZER, streamNameFor } from "../../../src/api/names.ts";
import { eventually } from "../../support/eventually.ts";
import { SYSTEM_NAMESPACE } from "../../support/installation.ts";
import { KubeError } from "../../support/kube-client.ts";
import {
  aChannelObject,
  type Channel,
  channelRef,
  DISPATCHER,
  type OperatorWorld,
} from "./operator-world.ts";
import type { Expected, Settings, Step } from "./random-sequence.ts";

const SUBSCRIPTION = { apiVersion: "messaging.knative.dev/v1", kind: "Subscription" };
const NANOS_PER_SECOND = 1e9;
const within = 75_000;

const CONDITIONS = [
  ...["Addressable", "ChannelServiceReady", "DeadLetterSinkResolved", "DispatcherReady"],
  ...["EndpointsReady", "Ready", "ServiceReady", "SpecApplied", "StreamReady"],
];

/** Is a channel with its Subscriptions, whose uids the API server has given. */
export class ChannelLane {
  readonly namespace: string;
  readonly name: string;
  readonly #world: OperatorWorld;
  readonly #uids: string[] = [];
  #subscribers: { number: number; generation: number }[] = [];

  constructor(world: OperatorWorld, namespace: string, name: string) {
    this.#world = world;
    this.namespace = namespace;
    this.name = name;
  }

  get stream(): string {
    return streamNameFor(this);
  }

  /** Makes as many Subscriptions as there are subscribers. */
  async makeSubscriptions(count: number): Promise<void> {
    for (let number = 0; number < count; number++) {
      const metadata = { namespace: this.namespace, name: this.#subscriptionName(number) };
      const spec = { channel: { name: this.name } };
      const made = await this.#world.client.create<{ metadata: { uid: string } }>({
        ...{ ...SUBSCRIPTION, metadata, spec },
      });
      this.#uids.push(made.metadata.uid);
    }
  }

  async take(step: Step): Promise<void> {
    const { client } = this.#world;
    const ref = channelRef(this.namespace, this.name);
    if (step.kind === "create") await this.#create(step);
    else if (step.kind === "change") await client.patch(ref, { spec: specOf(step.settings) });
    else if (step.kind === "delete") await client.delete(ref);
    else if (step.kind === "subscribe") {
      const { subscribers, generation } = step;
      await this.#subscribe(subscribers.map((number) => ({ number, generation })));
    } else {
      const name = this.#subscriptionName(step.subscriber);
      await client.delete({ ...SUBSCRIPTION, namespace: this.namespace, name });
      await this.#subscribe(this.#subscribers.filter(({ number }) => number !== step.subscriber));
    }
  }

  /** Says what has to be there. */
  expected({ channel, stream }: Expected): object {
    if (channel === undefined) return { channel: "gone", service: "gone", stream };
    const { scope, settings } = channel;
    const subscribers = [...channel.subscribers].map(([number, generation]) => ({
      ...{ uid: this.#uids[number] ?? "", ready: "True", observedGeneration: generation },
    }));
    const consumer = [settings.ackWaitSeconds, settings.maxAckPending];
    const home = scope === "cluster" ? SYSTEM_NAMESPACE : this.namespace;
    return {
      channel: {
        hasCaughtUp: true,
        conditions: CONDITIONS.map((type) => `${type}=True`),
        finalizers: [FINALIZER],
        subscribable: "v1",
        address: `http://${this.name}-kn-jsm-channel.${this.namespace}.svc.cluster.local`,
        stream: this.stream,
        subscribers: subscribers.sort(byUid),
      },
      service: `${DISPATCHER}.${home}.svc.cluster.local`,
      stream: { maxMsgs: settings.maxMsgs },
      consumers: Object.fromEntries(
        subscribers.map(({ uid }) => [consumerNameFor(uid), consumer]).sort(),
      ),
    };
  }

  /** Reads what is there, without what may be there or not. */
  async actual({ stream, vanished }: Expected): Promise<object> {
    const { client, jsm } = this.#world;
    const { namespace, name } = this;
    const channel = await client.find<Channel>(channelRef(namespace, name));
    const serviceRef = { apiVersion: "v1", kind: "Service", namespace };
    const service = await client.find<{ spec: { externalName?: string } }>({
      ...{ ...serviceRef, name: `${name}-kn-jsm-channel` },
    });
    const info = await jsm.streams.info(this.stream).catch(missing);
    const isThere = info === undefined ? "gone" : "there";
    if (channel === undefined) {
      const shown = stream === "either" ? "either" : isThere;
      return { channel: "gone", service: service?.spec.externalName ?? "gone", stream: shown };
    }
    const mayBeThere = [...vanished].map((number) => consumerNameFor(this.#uids[number] ?? ""));
    return {
      channel: shownChannel(channel),
      service: service?.spec.externalName,
      stream: info === undefined ? "gone" : { maxMsgs: info.config.max_msgs },
      consumers: info === undefined ? {} : await this.#consumers(mayBeThere),
    };
  }

  async #create({ scope, settings }: Step & { kind: "create" }): Promise<void> {
    this.#subscribers = [];
    const { namespace, name } = this;
    const object = aChannelObject(namespace, name, { scope, spec: specOf(settings) });
    // The one before may be on its way out still.
    await eventually(
      async () => {
        await this.#world.client.create(object).catch((error: unknown) => {
          const wasMade = error instanceof KubeError && error.reason === "AlreadyExists";
          throw wasMade ? new Error(`${namespace}/${name} is there still`) : error;
        });
      },
      { within, what: `${namespace}/${name} to be made again` },
    );
  }

  /** Writes the list as Knative does: a merge patch without a resourceVersion. */
  async #subscribe(subscribers: { number: number; generation: number }[]): Promise<void> {
    this.#subscribers = subscribers;
    const entries = subscribers.map(({ number, generation }) => ({
      uid: this.#uids[number],
      name: this.#subscriptionName(number),
      generation,
      subscriberUri: `${this.#world.sink.url}/${this.#uids[number]}`,
    }));
    const spec = { subscribers: entries.length === 0 ? null : entries };
    await this.#world.knative.patch(channelRef(this.namespace, this.name), { spec });
  }

  async #consumers(except: readonly string[]): Promise<object> {
    const consumers: [string, unknown[]][] = [];
    for await (const { name, config } of this.#world.jsm.consumers.list(this.stream)) {
      if (except.includes(name)) continue;
      consumers.push([name, [(config.ack_wait ?? 0) / NANOS_PER_SECOND, config.max_ack_pending]]);
    }
    return Object.fromEntries(consumers.sort());
  }

  #subscriptionName(number: number): string {
    return `${this.name}-${number}`;
  }
}

function specOf({ deletionPolicy, maxMsgs, ackWaitSeconds, maxAckPending }: Partial<Settings>) {
  const ackWait = ackWaitSeconds === undefined ? undefined : `${ackWaitSeconds}s`;
  return {
    stream: { deletionPolicy, config: { maxMsgs } },
    consumerConfigTemplate: { ackWait, maxAckPending },
  };
}

function shownChannel({ metadata, status }: Channel): object {
  const { conditions = [], subscribers = [] } = status ?? {};
  const { generation } = metadata;
  const newest = conditions.every(({ observedGeneration }) => observedGeneration === generation);
  return {
    hasCaughtUp: status?.observedGeneration === generation && newest,
    conditions: conditions.map(({ type, status }) => `${type}=${status}`).sort(),
    finalizers: metadata.finalizers,
    subscribable: metadata.annotations?.["messaging.knative.dev/subscribable"],
    address: status?.address?.url,
    stream: status?.stream?.name,
    subscribers: subscribers.toSorted(byUid),
  };
}

function byUid(a: { uid: string }, b: { uid: string }): number {
  return a.uid < b.uid ? -1 : 1;
}

function missing(error: unknown): StreamInfo | undefined {
  const isMissing =
    error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
  if (isMissing) return undefined;
  throw error;
}
