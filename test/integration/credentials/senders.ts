import type { CloudEventClient } from "../../support/cloud-event-client.ts";
import type { Ledger } from "../../support/ledger.ts";

/** Holds senders that send one event after the other, each with an id of its own, until they are stopped. */
export interface Senders {
  /** The answers that came so far, each once. */
  readonly statuses: ReadonlySet<number>;
  stop(): Promise<void>;
}

/** Starts senders whose events, and their acknowledgements, the ledger counts. */
export function startSenders(client: CloudEventClient, ledger: Ledger, count: number): Senders {
  const statuses = new Set<number>();
  let isSending = true;
  const send = async (sender: number): Promise<void> => {
    for (let i = 0; isSending; i++) {
      const id = `${sender}-${i}`;
      ledger.sent(id);
      const { status } = await client.sendBinary({ id });
      statuses.add(status);
      if (status === 202) ledger.acknowledged(id);
    }
  };
  const sending = Promise.all(Array.from({ length: count }, (_, sender) => send(sender)));
  return {
    statuses,
    async stop() {
      isSending = false;
      await sending;
    },
  };
}
