/**
 * A program for the Pods of the process kubelet's own tests: it does with ports, signals and its log what ours do, shows
 * its environment and any file that it is asked for, and turns unready, or ends, when it is told to.
 */
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { env } from "node:process";

let isHealthy = true;

const answers: Record<string, (query: string) => Promise<string> | string> = {
  "/env": () => JSON.stringify(env),
  "/arguments": () => JSON.stringify(process.argv.slice(2)),
  "/file": (path) => readFile(path, "utf8"),
  "/unhealthy": () => {
    isHealthy = false;
    return "";
  },
};

async function listen(port: string | undefined, name: string, answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
  const bound = (server.address() as AddressInfo).port;
  process.stdout.write(`${JSON.stringify({ msg: `${name} server listening`, port: bound })}\n`);
}

process.on("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify({ msg: "ending in order" })}\n`);
  process.exit(0);
});

await listen(env.HTTP_PORT, "http", (request, response) => {
  const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
  const answer = async () => answers[pathname]?.(decodeURIComponent(search.slice(1)));
  answer().then(
    (text) => response.end(text),
    (error) => response.writeHead(500).end(String(error)),
  );
});
await listen(env.ADMIN_PORT, "admin", (_, response) => {
  response.writeHead(isHealthy ? 200 : 503).end();
});
