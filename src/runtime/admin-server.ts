import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express, { type NextFunction, type Request, type Response } from "express";
import { errorMessage } from "./errors.ts";

/** What the admin server shows; each function is asked anew for every request. */
export interface AdminPages {
  /** Whether the program works at all; a reason when it does not. */
  healthy: () => true | string;
  /** Whether the program should get traffic; a reason when it should not. */
  ready: () => true | string;
  /** What a person should know although it is ready, a sentence each. */
  notes: () => readonly string[];
  /** The metrics in Prometheus' text format; undefined where there are to be none. */
  metrics: () => Promise<{ contentType: string; body: string } | undefined>;
  /** Further pages, by path, answered as JSON. */
  json: Record<string, () => unknown>;
}

export interface AdminServer {
  port: number;
  close(): Promise<void>;
}

/**
 * Starts the admin server: `/healthz`, `/readyz` (200 with what is to be known, or 503 with the reason), `/metrics`,
 * and JSON pages. It is for kubelets, Prometheus and people inside the cluster; it changes nothing.
 */
export async function startAdminServer(options: {
  port: number;
  pages: AdminPages;
}): Promise<AdminServer> {
  const { pages } = options;
  const app = express().disable("x-powered-by").disable("etag");
  const probe = (
    path: string,
    check: () => true | string,
    notes: () => readonly string[],
  ): void => {
    app.get(path, (_request, response) => {
      const result = check();
      const lines = [result === true ? "ok" : result, ...notes()];
      response
        .status(result === true ? 200 : 503)
        .type("text/plain")
        .send(`${lines.join("\n")}\n`);
    });
  };
  probe("/healthz", pages.healthy, () => []);
  probe("/readyz", pages.ready, pages.notes);
  app.get("/metrics", async (_request, response) => {
    const metrics = await pages.metrics();
    if (metrics === undefined) {
      response.status(404).type("text/plain").send("Metrics are switched off.\n");
      return;
    }
    response.set("content-type", metrics.contentType).send(metrics.body);
  });
  for (const [path, page] of Object.entries(pages.json)) {
    app.get(path, async (_request, response) => {
      response.type("json").send(`${JSON.stringify(await page(), undefined, 2)}\n`);
    });
  }
  app.use(failed);
  const server = app.listen(options.port);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

// Express knows a handler of errors by its four parameters.
function failed(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  response
    .status(500)
    .type("text/plain")
    .send(`${errorMessage(error)}\n`);
}
