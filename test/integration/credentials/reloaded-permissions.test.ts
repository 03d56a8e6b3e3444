import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { dispatcherUser } from "./documented-permissions.ts";
import {
  ADMIN_USER,
  ordersChannel,
  sendsAndDelivers,
  startPermittedWorld,
} from "./permitted-world.ts";

const within = 20_000;

it("notices what a reload of the server takes away, and what it gives back", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nats-users-"));
  const permit = (line: string) =>
    writeFile(join(folder, "users.conf"), `authorization { users: [ ${ADMIN_USER}, ${line} ] }`);
  await permit(dispatcherUser("dispatcher"));
  // The server looks for it from its own folder, which is a temporary one, too.
  const config = `include "../${basename(folder)}/users.conf"`;
  const reloaded = await startPermittedWorld({ config, user: "dispatcher" });
  const { plane } = reloaded;
  const reload = () => process.kill(plane.nats.pid, "SIGHUP");
  try {
    await reloaded.write(ordersChannel(reloaded.sink));
    await sendsAndDelivers(reloaded, "first");
    await permit(dispatcherUser("dispatcher", "_INBOX.>"));
    reload();
    await eventually(async () => (await plane.dispatcher.readiness()) === 503, {
      within,
      what: "the missing permission to count",
    });
    await permit(dispatcherUser("dispatcher"));
    reload();
    await sendsAndDelivers(reloaded, "second");

    await permit(dispatcherUser("dispatcher", "*.*._knative"));
    reload();
    const client = plane.client("orders", "shop");
    await eventually(async () => (await client.sendBinary({})).status === 503, {
      within,
      what: "an event to be refused",
    });
    await permit(dispatcherUser("dispatcher"));
    reload();
    await sendsAndDelivers(reloaded, "third");
  } finally {
    await reloaded.stop();
    await rm(folder, { recursive: true });
  }
});
