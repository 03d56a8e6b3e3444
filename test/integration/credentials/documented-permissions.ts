/** Reads the permissions out of docs/security.md, so that what users paste is what is tested. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Holds what a user may do. */
export interface Permissions {
  publish: string[];
  subscribe: string[];
}

const page = readFileSync(join(import.meta.dirname, "../../../docs/security.md"), "utf8");
const [user = "", nsc = "", oneChannel = ""] = [...page.matchAll(/^```\w*\n(.*?)^```/gms)]
  .map(([, block = ""]) => block)
  .filter((block) => block.includes("permissions {") || block.includes("nsc add user"));

/** Is the part of nats-server.conf that the page gives for a dispatcher. */
export const documentedConfig = user;

/** Is what that part permits. */
export const dispatcherPermissions = permissionsIn(user);

/** Is what the page permits a user that serves the channel shop/orders alone. */
export const channelPermissions = permissionsIn(oneChannel);

/** Is what the page has `nsc` permit a dispatcher. */
export const nscPermissions: Permissions = {
  publish: flags("allow-pub"),
  subscribe: flags("allow-sub"),
};

/** Are the subjects that the page explains. */
export const explainedSubjects = [
  ...page.matchAll(/^\| `([*$_]\S+)`(?: \(subscribe\))? +\|/gm),
].map(([, subject]) => subject ?? "");

/** Writes permissions as nats-server.conf has them. */
export function permissionsText({ publish, subscribe }: Permissions): string {
  return `permissions { publish { allow: ${JSON.stringify(publish)} }, subscribe { allow: ${JSON.stringify(subscribe)} } }`;
}

/** Writes a user with the password `secret` and the documented permissions of a dispatcher, perhaps but one. */
export function dispatcherUser(name: string, missing?: string): string {
  const { publish, subscribe } = dispatcherPermissions;
  const text = permissionsText({
    publish: publish.filter((grant) => grant !== missing),
    // A user without any would be one that may subscribe to all.
    subscribe: subscribe.map((grant) => (grant === missing ? "nothing" : grant)),
  });
  return `{ user: ${name}, password: secret, ${text} }`;
}

/** Tells whether a permission for a subject is one for another that it covers. */
export function permits(permission: string, subject: string): boolean {
  const wanted = subject.split(".");
  const tokens = permission.split(".");
  const covers = tokens.every(
    (token, i) => token === ">" || (wanted[i] !== undefined && ["*", wanted[i]].includes(token)),
  );
  return covers && (tokens.at(-1) === ">" || tokens.length === wanted.length);
}

function permissionsIn(block: string): Permissions {
  const list = (verb: string): string[] => {
    const [, allowed = ""] = new RegExp(`${verb} \\{ allow: \\[([^\\]]*)\\]`).exec(block) ?? [];
    return [...allowed.matchAll(/"([^"]+)"/g)].map(([, subject]) => subject ?? "");
  };
  return { publish: list("publish"), subscribe: list("subscribe") };
}

function flags(name: string): string[] {
  return [...nsc.matchAll(new RegExp(`--${name} '([^']+)'`, "g"))].flatMap(([, list = ""]) =>
    list.split(","),
  );
}
