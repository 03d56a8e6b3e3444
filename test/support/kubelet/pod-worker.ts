/**
 * Runs one Pod that is bound to our node, from its volumes to its end:
 *
 *   1. write the volumes; what is missing is waited for, as the Pod's status says
 *   2. run the containers, and write their states into the Pod's status
 *   3. meanwhile write volumes again when a ConfigMap, a Secret, a label or the age of a token asks for it
 *   4. when the Pod is deleted: end the containers within its grace period, write the last status, remove the Pod
 *
 * Called by process-kubelet.ts, which watches Pods, ConfigMaps and Secrets.
 */
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import type { LogLine } from "../dispatcher-process.ts";
import { ContainerRun } from "./container-run.ts";
import { type NodeContext, persist } from "./node-context.ts";
import { NotStartable } from "./not-startable.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { PodStatusBuilder } from "./pod-status.ts";
import { createPodTokens, type PodTokens } from "./pod-tokens.ts";
import { createPodVolumes, type PodVolumes } from "./pod-volumes.ts";
import { prepareContainer } from "./prepare-container.ts";
import type { RunningPod } from "./running-pod.ts";
import { unsupportedIn } from "./unsupported.ts";

const tryAgainAfterMs = 1_000;
const defaultGraceSeconds = 30;

/** Runs a Pod; see the head of this file. */
export class PodWorker implements RunningPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  /** Resolves when the Pod has ended and is removed. */
  readonly done: Promise<void>;
  readonly #node: NodeContext;
  readonly #root: string;
  readonly #tokens: PodTokens;
  readonly #volumes: PodVolumes;
  readonly #containers: ContainerRun[];
  readonly #statusBuilder = new PodStatusBuilder();
  readonly #startTime = new Date().toISOString();
  readonly #writeVolumes = oneAtATime(() => this.#volumes.write(this.#pod));
  readonly #publish = oneAtATime(() => this.#writeStatus());
  readonly #deletion = new AbortController();
  #pod: V1Pod;
  #graceSeconds = defaultGraceSeconds;
  #isOver = false;
  #lastStatus = "";
  #wake = new AbortController();

  constructor(pod: V1Pod, ip: string, node: NodeContext) {
    const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
    this.namespace = namespace;
    this.name = name;
    this.uid = uid;
    this.ip = ip;
    this.#node = node;
    this.#pod = this.#withAddress(pod);
    this.#root = join(node.folder, uid);
    this.#tokens = createPodTokens(node.client, pod);
    this.#volumes = createPodVolumes(this.#root, { client: node.client, tokens: this.#tokens });
    this.#containers = (pod.spec?.containers ?? []).map((container) => {
      const options = { node, volumes: this.#volumes };
      return new ContainerRun({
        container,
        prepare: () => prepareContainer(container, { ...options, pod: this.#pod }),
        onChange: () => void this.#publish(),
        graceMs: (pod.spec?.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000,
        temporaryFolder: node.folder,
      });
    });
    this.done = this.#run();
    this.update(pod);
  }

  get labels(): Readonly<Record<string, string>> {
    return this.#pod.metadata?.labels ?? {};
  }

  get isReady(): boolean {
    return !this.isTerminating && this.#containers.every(({ state }) => state.ready);
  }

  get isTerminating(): boolean {
    return this.#deletion.signal.aborted;
  }

  get restarts(): number {
    return this.#containers.reduce((sum, { state }) => sum + state.restarts, 0);
  }

  get pid(): number | undefined {
    const child = this.#first.child;
    return child?.end() === undefined ? child?.pid : undefined;
  }

  get logs(): readonly LogLine[] {
    return this.#first.logs;
  }

  get lastLines(): readonly string[] {
    return this.#first.child?.lastLines ?? [];
  }

  get summary(): string {
    const phases = this.#containers.map(({ state }) => JSON.stringify(state.phase));
    const readiness = this.isReady ? "ready" : "not ready";
    return `${this.namespace}/${this.name} is ${readiness}: ${phases.join(", ")}`;
  }

  addressOf(port: number | string): string {
    const address = this.findAddress(port);
    if (address === undefined) {
      throw new Error(`the Pod ${this.namespace}/${this.name} does not listen on port ${port}`);
    }
    return address;
  }

  /** Gives the address of a port of the manifest; undefined while nothing listens there. */
  findAddress(port: number | string): string | undefined {
    const bound = this.pid === undefined ? undefined : this.#first.portOf(port);
    return bound === undefined ? undefined : `127.0.0.1:${bound}`;
  }

  hostPath(path: string): string {
    return this.#volumes.onThisMachine(this.#first.container, path);
  }

  signal(signal: NodeJS.Signals): void {
    this.#first.child?.signal(signal);
  }

  /** Takes a newer state of the Pod. */
  update(pod: V1Pod): void {
    const before = this.#pod.metadata;
    this.#pod = this.#withAddress(pod);
    const { labels, annotations, deletionTimestamp, deletionGracePeriodSeconds } =
      pod.metadata ?? {};
    if (deletionTimestamp !== undefined) {
      this.#delete(deletionGracePeriodSeconds ?? defaultGraceSeconds);
      return;
    }
    const told = JSON.stringify([labels, annotations]);
    if (told !== JSON.stringify([before?.labels, before?.annotations])) this.refresh();
  }

  /** Looks again at what the Pod's volumes and variables come from. */
  refresh(): void {
    this.#wake.abort();
    for (const container of this.#containers) container.retry();
    if (!this.#containers.some(({ child }) => child !== undefined)) return;
    this.#writeVolumes().catch(() => {
      // What is mounted stays when its source goes.
    });
  }

  async renewTokens(): Promise<void> {
    this.#tokens.forget();
    await this.#writeVolumes();
  }

  /** Ends the Pod at once, in the middle of its grace period too. */
  async kill(): Promise<void> {
    this.#delete(0);
    await Promise.all(this.#containers.map((container) => container.stop(0)));
  }

  get #first(): ContainerRun {
    const [first] = this.#containers;
    if (first === undefined) throw new Error(`the Pod ${this.name} has no container`);
    return first;
  }

  #delete(graceSeconds: number): void {
    if (this.#deletion.signal.aborted) return;
    this.#graceSeconds = graceSeconds;
    this.#deletion.abort();
  }

  async #run(): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    while (!(this.#deletion.signal.aborted || (await this.#mounts()))) {
      await this.#pause(AbortSignal.any([this.#wake.signal, AbortSignal.timeout(tryAgainAfterMs)]));
    }
    if (!this.#deletion.signal.aborted) {
      for (const container of this.#containers) container.start();
    }
    await this.#pause();
    const graceMs = this.#graceSeconds * 1000;
    await Promise.all(this.#containers.map((container) => container.stop(graceMs)));
    this.#isOver = true;
    await this.#publish();
    await this.#remove();
    await rm(this.#root, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Writes the volumes for the first time; false, with a reason in the status, when the Pod cannot start yet. */
  async #mounts(): Promise<boolean> {
    this.#wake = new AbortController();
    const unsupported = unsupportedIn(this.#pod);
    try {
      if (unsupported !== undefined) throw new NotStartable("CreateContainerError", unsupported);
      await this.#writeVolumes();
      return true;
    } catch (error) {
      const reason = error instanceof NotStartable ? error.reason : "ContainerCreating";
      const message = error instanceof Error ? error.message : String(error);
      for (const { state } of this.#containers) state.phase = { waiting: { reason, message } };
      void this.#publish();
      return false;
    }
  }

  /** Waits for the Pod's deletion, or for something else before that. */
  async #pause(until?: AbortSignal): Promise<void> {
    const deletion = this.#deletion.signal;
    const signal = until === undefined ? deletion : AbortSignal.any([deletion, until]);
    if (!signal.aborted) await once(signal, "abort");
  }

  async #writeStatus(): Promise<void> {
    const status = this.#statusBuilder.build({
      containers: this.#containers,
      podIp: this.ip,
      hostIp: this.#node.ip,
      startTime: this.#startTime,
      isOver: this.#isOver,
    });
    const text = JSON.stringify(status);
    if (text === this.#lastStatus) return;
    const ref = { ...this.#ref(), subresource: "status" };
    const body = { metadata: { uid: this.uid }, status };
    const { client } = this.#node;
    await persist(() => client.patch(ref, body, { type: "strategic-merge" }), this.#node);
    this.#lastStatus = text;
  }

  async #remove(): Promise<void> {
    const options = { gracePeriodSeconds: 0, preconditions: { uid: this.uid } };
    await persist(() => this.#node.client.delete(this.#ref(), options), this.#node);
  }

  #ref() {
    return { apiVersion: "v1", kind: "Pod", namespace: this.namespace, name: this.name };
  }

  #withAddress(pod: V1Pod): V1Pod {
    const { ip: hostIP } = this.#node;
    const status = { ...pod.status, hostIP, podIP: this.ip, podIPs: [{ ip: this.ip }] };
    return { ...pod, status };
  }
}
