import { rm } from "node:fs/promises";
import { expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { binaryRequest, createCloudEventClient } from "../../support/cloud-event-client.ts";
import { startDataPlane } from "../../support/data-plane.ts";
import { eventually } from "../../support/eventually.ts";

it("an unknown address gets 404, and 503 when the channels could not be read for ten seconds; known ones work on", async () => {
  const plane = await startDataPlane({ channels: [aChannel({ name: "known" })] });
  try {
    const unknown = createCloudEventClient({
      port: plane.dispatcher.httpPort,
      host: "unknown-kn-jsm-channel.default",
    });
    await rm(plane.channelsPath);
    expect(await unknown.request(binaryRequest({}))).toMatchObject({ status: 404 });
    const answer = await eventually(
      async () => {
        const latest = await unknown.request(binaryRequest({}));
        return latest.status === 503 && latest;
      },
      { within: 30_000, what: "503" },
    );
    expect(answer).toMatchObject({
      headers: { "retry-after": "1" },
      body: "It is not known now which channels there are.\n",
    });
    expect(await plane.client("known").sendBinary({})).toMatchObject({ status: 202 });
    await plane.write([aChannel({ name: "known" })]);
    await eventually(async () => (await unknown.request(binaryRequest({}))).status === 404, {
      within: 20_000,
      what: "404 again",
    });
    unknown.close();
  } finally {
    await plane.stop();
  }
});
