import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { type NatsCluster, type NodeName, startNatsCluster } from "../../support/nats-cluster.ts";
import { shownPage } from "../standalone/standalone-world.ts";

const STREAM = "KN_DEFAULT__ROAMING";
const CONSUMER = "KN_SUB_ROAMING";
const WITHIN = 60_000;
let cluster: NatsCluster;
let sink: EventSink;

beforeAll(async () => {
  cluster = await startNatsCluster();
  sink = await startEventSink();
});

afterAll(async () => {
  await sink?.close();
  await cluster?.stop();
});

/** Runs a data plane that is told of these servers, for as long as the work takes. */
async function withServers(
  urls: string[],
  work: (dataPlane: DataPlane) => Promise<void>,
): Promise<void> {
  const dataPlane = await startDataPlane({
    channels: [
      aChannel({
        name: "roaming",
        spec: {
          stream: { config: { replicas: 3 } },
          subscribers: [aSubscriber({ uid: "roaming", uri: sink.url })],
        },
      }),
    ],
    nats: cluster.nodes.n1,
    urls,
    env: { POD_NAME: "dispatcher-7" },
  });
  try {
    await work(dataPlane);
  } finally {
    await dataPlane.stop();
  }
}

/** Sends an event, which must be taken at once or after a while, and waits for its delivery. */
async function passes(dataPlane: DataPlane): Promise<void> {
  const id = crypto.randomUUID();
  const client = dataPlane.client("roaming");
  const send = async () => {
    const { status, headers } = await client.sendBinary({ id });
    if (status === 503) expect(headers["retry-after"]).toBeDefined();
    else expect(status).toBe(202);
    return status === 202;
  };
  await eventually(send, { within: WITHIN, what: "202" });
  await eventually(() => sink.ids.includes(id), { within: WITHIN, what: "its delivery" });
}

/** Tells which server the dispatcher is on; undefined while it is on none. */
async function serverOf({ dispatcher }: DataPlane): Promise<NodeName | undefined> {
  const { nats } = (await shownPage(dispatcher)) as { nats: { state: string; server?: string } };
  const nodes = Object.entries(cluster.nodes) as [NodeName, { url: string }][];
  const found = nodes.find(([, { url }]) => url === `nats://${nats.server}`);
  return nats.state === "connected" ? found?.[0] : undefined;
}

async function connectionNames(name: NodeName): Promise<string[]> {
  const response = await fetch(`${cluster.nodes[name].monitorUrl}/connz`);
  const { connections } = (await response.json()) as { connections: { name?: string }[] };
  return connections.map((connection) => connection.name ?? "");
}

it("servers of the list that are not there keep nobody from going on with the next one", async () => {
  const dead = async () => `nats://127.0.0.1:${await freePort()}`;
  const urls = [await dead(), await dead(), cluster.nodes.n2.url];
  await withServers(urls, async (dataPlane) => {
    expect(await serverOf(dataPlane)).toBe("n2");
    await passes(dataPlane);
  });
});

it("an admin of NATS recognises the connection by its name, and with it the Pod", async () => {
  await withServers([cluster.nodes.n3.url], async () => {
    expect(await connectionNames("n3")).toContain("jetstream-channel-dispatcher dispatcher-7");
  });
});

it("with one url, a dispatcher whose server stops goes on with the others that it has been told of", async () => {
  await withServers([cluster.nodes.n1.url], async (dataPlane) => {
    expect(await serverOf(dataPlane)).toBe("n1");
    await passes(dataPlane);
    // What leads elsewhere goes on; only the connection is lost.
    await cluster.stepDown({ stream: STREAM }, "n2");
    await cluster.stepDown({ stream: STREAM, consumer: CONSUMER }, "n2");
    const startedAt = performance.now();
    await cluster.nodes.n1.kill("SIGKILL");
    await passes(dataPlane);
    console.info(
      `ms until the next delivery on another server: ${Math.round(performance.now() - startedAt)}`,
    );
    expect(["n2", "n3"]).toContain(await serverOf(dataPlane));

    await cluster.nodes.n1.start();
    await cluster.whole();
    // And from there again: it has been told of the first one's return.
    const present = (await serverOf(dataPlane)) as NodeName;
    await cluster.nodes[present].kill("SIGKILL");
    await passes(dataPlane);
    expect(await serverOf(dataPlane)).not.toBe(present);
    await cluster.nodes[present].start();
    await cluster.whole();
  });
});
