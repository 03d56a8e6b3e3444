/**
 * A receiver as most people would write it: express reads the body, `js.publish` stores it with the attributes as message
 * headers and a message id, and the answer is 202 after the PubAck. It checks only that the event can be identified.
 */
import type { AddressInfo } from "node:net";
import { jetstream } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import express from "express";
import { answerParent } from "./answer-parent.ts";

const [natsUrl, subject] = process.argv.slice(2) as [string, string];
const js = jetstream(await connect({ servers: natsUrl }));

const app = express();
app.disable("x-powered-by");
app.use(express.raw({ type: () => true, limit: "1mb" }));
app.post("/", async (request, response) => {
  const id = request.get("ce-id");
  const source = request.get("ce-source");
  if (id === undefined || source === undefined) {
    response.status(400).send("ce-id and ce-source must be there");
    return;
  }
  const forwarded = headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith("ce-")) {
      forwarded.set(name, String(value));
    }
  }
  forwarded.set("ce-datacontenttype", request.get("content-type") ?? "");
  await js.publish(subject, request.body, { headers: forwarded, msgID: `${source} ${id}` });
  response.status(202).end();
});
const server = app.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  answerParent({ port }, async () => undefined);
});
