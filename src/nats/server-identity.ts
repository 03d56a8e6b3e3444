import { checkServerIdentity, type PeerCertificate } from "node:tls";

/**
 * Makes a check that a server's certificate is for one of the hosts that we were told to connect
 * to, for the `checkServerIdentity` of the client's `tls` options. Without it the client takes a
 * server that is reached by its address for "localhost", and so do the peers that a cluster tells
 * of by address: they are known by the names of the configured ones, as in every NATS client.
 */
export function serverIdentityCheck(
  hosts: readonly string[],
): (hostname: string, certificate: PeerCertificate) => Error | undefined {
  return (_, certificate) => {
    const errors = hosts.map((host) => checkServerIdentity(host, certificate));
    if (errors.some((error) => error === undefined)) return undefined;
    const names = certificate.subjectaltname ?? "no name at all";
    return new Error(`the server's certificate is for ${names}, not for ${hosts.join(" or ")}`);
  };
}
