/*
 * What the demonstration runs: a nats-server, the subscribers (in this process, each with a port of
 * its own), and the dispatcher as a process of its own on a fixed port, so that its channels have the
 * same address after it was killed. Everything ends in the reverse order.
 */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeChannels } from "../../test/support/channels-file.ts";
import { type DispatcherProcess, startDispatcher } from "../../test/support/dispatcher-process.ts";
import { freePort } from "../../test/support/free-port.ts";
import { startNatsServer } from "../../test/support/nats-server.ts";
import { channels } from "./channels.ts";
import { startSubscribers } from "./subscribers.ts";
import { createTally, type Tally } from "./tally.ts";

/** Holds a running demonstration. */
export interface Demonstration {
  /** Where the orders are sent to. */
  readonly address: string;
  readonly tally: Tally;
  /** Kills the dispatcher with SIGKILL and starts another one on the same port. */
  restartDispatcher(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts all parts. When one does not start, or the demonstration is stopped, ends those that did and rejects. */
export async function startDemonstration(stopping: AbortSignal): Promise<Demonstration> {
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const tally = createTally();
    const subscribers = await startSubscribers(tally);
    ends.push(subscribers.close);
    const nats = await startNatsServer();
    ends.push(nats.stop);
    stopping.throwIfAborted();
    // Beside the server's store: that folder goes with this process, however it ends.
    const folder = join(dirname(nats.storeDir), "channels");
    await mkdir(folder);
    const channelsPath = join(folder, "channels.yaml");
    const httpPort = await freePort();
    const dispatcherUrl = `http://127.0.0.1:${httpPort}`;
    await writeChannels(channelsPath, channels({ dispatcherUrl, ...subscribers.urls }));
    const start = () =>
      startDispatcher({
        channelsPath,
        natsUrl: nats.url,
        env: { HTTP_PORT: String(httpPort) },
      });
    let dispatcher: Promise<DispatcherProcess> = start();
    // One that does not come up has ended already.
    ends.push(() => dispatcher.then((running) => running.kill("SIGKILL")).catch(() => undefined));
    await dispatcher;
    stopping.throwIfAborted();
    return {
      address: `${dispatcherUrl}/default/orders`,
      tally,
      async restartDispatcher() {
        await (await dispatcher).kill("SIGKILL");
        dispatcher = start();
        await dispatcher;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
