import type { V1Container } from "@kubernetes/client-node";

/** Names the servers of a program whose ports are its own choice here: every Pod has the same address, 127.0.0.1. */
const servers = [
  { variable: "HTTP_PORT", usual: 8080, message: "http server listening" },
  { variable: "ADMIN_PORT", usual: 9090, message: "admin server listening" },
];

/** Maps the ports that a manifest speaks of to those that the program is bound to. */
export interface BoundPorts {
  /** The variables that make the program choose its ports. */
  readonly variables: Readonly<Record<string, string>>;
  /** Takes a line of the program's log, which may say a port. */
  read(line: { msg?: string; port?: unknown }): void;
  /** Gives the port for a name or number of the manifest; undefined while the program has not said it. */
  portOf(port: number | string): number | undefined;
}

/** Begins with no port bound, for one life of a container with the variables of its manifest. */
export function createBoundPorts(
  container: V1Container,
  variables: Readonly<Record<string, string>>,
): BoundPorts {
  const bound = new Map<number, number | undefined>();
  const declared = servers.map(({ variable, usual, message }) => {
    const port = Number(variables[variable] ?? usual);
    bound.set(port, undefined);
    return { port, message };
  });
  return {
    variables: Object.fromEntries(servers.map(({ variable }) => [variable, "0"])),
    read({ msg, port }) {
      for (const server of declared) {
        if (server.message === msg && typeof port === "number") bound.set(server.port, port);
      }
    },
    portOf(port) {
      const named = container.ports?.find(({ name }) => name === port)?.containerPort;
      const number = named ?? Number(port);
      return bound.has(number) ? bound.get(number) : number;
    },
  };
}
