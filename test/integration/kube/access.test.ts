import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AccessPlaces, findAccess } from "../../../src/kube/access.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { RESOURCES } from "../../../src/kube/objects.ts";
import { sendStatus } from "../../support/api-stand-in.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { writeKubeconfig } from "../../support/cluster-access.ts";
import { failureOf } from "./kube-world.ts";

const certificate = makeCertificate();
const other = makeCertificate();
let folder: string;
let server: Server;
let port: string;
let accepted: string;
let asked: (string | undefined)[];
const clients: KubeClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "access-"));
  accepted = "first";
  asked = [];
  server = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
    asked.push(request.headers.authorization);
    if (request.headers.authorization === `Bearer ${accepted}`) response.end("{}");
    else sendStatus(response, 401, "Unauthorized");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = String((server.address() as AddressInfo).port);
  await writeFile(join(folder, "token"), "first\n");
  await writeFile(join(folder, "ca.crt"), certificate.cert);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

async function clientFor(places: AccessPlaces): Promise<KubeClient> {
  const client = new KubeClient({ access: await findAccess(places), userAgent: "test" });
  clients.push(client);
  return client;
}

const pod = () => ({ serviceHost: "127.0.0.1", servicePort: port, accountFolder: folder });
const name = { name: "default" };
const get = (client: KubeClient) => client.get(RESOURCES.namespaces, name, { timeoutMs: 2_000 });

describe("in a Pod", () => {
  it("the mounted token and CA certificate are used", async () => {
    await get(await clientFor(pod()));
    expect(asked).toEqual(["Bearer first"]);
  });

  it("a token that the server refuses is read anew, once, and the request goes on", async () => {
    const client = await clientFor(pod());
    await get(client);
    accepted = "second";
    await writeFile(join(folder, "token"), "second");
    await get(client);
    expect(asked).toEqual(["Bearer first", "Bearer first", "Bearer second"]);
  });

  it("a token that is refused when it was read anew fails with 401", async () => {
    accepted = "another";
    const error = await failureOf(get(await clientFor(pod())));
    expect(error).toMatchObject({ code: 401, reason: "Unauthorized" });
    expect(asked).toHaveLength(2);
  });

  it("a server with a certificate of another authority is not spoken to", async () => {
    await writeFile(join(folder, "ca.crt"), other.cert);
    const error = await failureOf(get(await clientFor(pod())));
    expect(error.reason).toBe("ConnectionFailed");
    expect(asked).toEqual([]);
  });

  it("a token that is not mounted fails with a sentence that names the file", async () => {
    await rm(join(folder, "token"));
    const error = await failureOf(get(await clientFor(pod())));
    expect(String(error.cause)).toContain(join(folder, "token"));
  });
});

describe("by a kubeconfig", () => {
  const access = (token: string) => ({
    server: `https://127.0.0.1:${port}`,
    ca: certificate.cert,
    token,
  });

  it("that is named, the server and the token of its context are used", async () => {
    const path = join(folder, "config");
    await writeKubeconfig(path, access("first"));
    await get(await clientFor({ ...pod(), kubeconfig: path, home: "/nowhere" }));
    expect(asked).toEqual(["Bearer first"]);
  });

  it("that names a file with the token, as a node gives it, that file counts and is read anew", async () => {
    const path = join(folder, "config");
    await writeFile(join(folder, "its-token"), "first");
    const { server, ca } = access("");
    await writeKubeconfig(path, { server, ca, tokenFile: "its-token" });
    const client = await clientFor({ kubeconfig: path });
    await get(client);
    accepted = "second";
    await writeFile(join(folder, "its-token"), "second");
    await get(client);
    expect(asked).toEqual(["Bearer first", "Bearer first", "Bearer second"]);
  });

  it("that lies in the home folder, it comes before the Pod's account", async () => {
    await mkdir(join(folder, ".kube"));
    await writeKubeconfig(join(folder, ".kube", "config"), access("from-home"));
    accepted = "from-home";
    await get(await clientFor({ ...pod(), home: folder }));
    expect(asked).toEqual(["Bearer from-home"]);
  });

  it("whose token the server refuses, the file is read anew", async () => {
    const path = join(folder, "config");
    await writeKubeconfig(path, access("old"));
    const client = await clientFor({ kubeconfig: path });
    await writeKubeconfig(path, access("first"));
    await get(client);
    expect(asked).toEqual(["Bearer old", "Bearer first"]);
  });

  it.each([
    ["is not there", undefined, "cannot be read"],
    ["is no YAML", "{", "cannot be read"],
    ["has no context", "apiVersion: v1\nkind: Config\n", "has no current context"],
  ])("that %s, the error names the file", async (_, text, words) => {
    const path = join(folder, "config");
    if (text !== undefined) await writeFile(path, text);
    await expect(findAccess({ kubeconfig: path })).rejects.toThrow(
      `the kubeconfig ${path} ${words}`,
    );
  });
});

it("without any of them, the error says what to do", async () => {
  await expect(findAccess({ home: folder })).rejects.toThrow("set KUBECONFIG");
});
