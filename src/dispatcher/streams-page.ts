import type { StreamsPage } from "../api/dispatcher-pages.ts";
import { reportStreams } from "../nats/stream-report.ts";
import type { NatsClients } from "./nats-clients.ts";

/**
 * Makes what `/streams` shows: the streams of this cluster and their consumers, asked of JetStream at that moment under
 * each login. Who asks while an answer is being made gets the same one, so that nobody can make the server busy.
 */
export function streamsPage(options: {
  clients: NatsClients;
  clusterId: string;
}): () => Promise<StreamsPage> {
  const { clients, clusterId } = options;
  let running: Promise<StreamsPage> | undefined;
  const report = async (): Promise<StreamsPage> => {
    const logins = [{ name: "", client: clients.own }, ...clients.ofChannels];
    const reports = logins.map(({ name: login, client }) =>
      reportStreams(() => client.jetstream(), { login, clusterId }),
    );
    return { clusterId, logins: await Promise.all(reports) };
  };
  return () => {
    running ??= report().finally(() => {
      running = undefined;
    });
    return running;
  };
}
