import { readFile } from "node:fs/promises";

/** Holds one request of the API server's audit log, of which tests read this much. */
export interface AuditEvent {
  verb: string;
  requestURI: string;
  /** `extra` says which Pod a token is bound to. */
  user: { username: string; extra?: Record<string, string[]> };
  /** Who acted, when it was somebody else. */
  impersonatedUser?: { username: string };
  userAgent?: string;
  objectRef?: {
    resource?: string;
    namespace?: string;
    name?: string;
    apiGroup?: string;
    subresource?: string;
  };
  responseStatus?: { code?: number };
  requestReceivedTimestamp: string;
}

const writeVerbs = ["create", "update", "patch", "delete", "deletecollection"];

/** Reads the requests that the API server has answered, or that were received since a moment. */
export async function auditEvents(path: string, since = new Date(0)): Promise<AuditEvent[]> {
  const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
  const events = lines.map((line) => JSON.parse(line) as AuditEvent);
  return events.filter((event) => new Date(event.requestReceivedTimestamp) >= since);
}

/** Tells whether a request changes something; a review only asks. */
export function isWrite({ verb, objectRef }: AuditEvent): boolean {
  return writeVerbs.includes(verb) && objectRef?.resource?.endsWith("reviews") !== true;
}
