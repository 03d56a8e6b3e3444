import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type Certificate, makeCertificate } from "../../support/certificates.ts";
import type { Values } from "../../support/secret-files.ts";
import { describeKills } from "./rotation-kills.ts";
import { SECRET } from "./rotation-world.ts";

const folder = mkdtempSync(join(tmpdir(), "tls-rotation-"));
const authorities = ["first", "second"].map((name) =>
  makeCertificate({ commonName: `the ${name} authority` }),
);
const [first, second] = authorities as [Certificate, Certificate];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes what a server needs for TLS with a certificate of this authority; gives its part of the configuration. */
function serverFiles(issuer: Certificate): Record<string, string> {
  const at = mkdtempSync(join(folder, "server-"));
  const { cert, key } = makeCertificate({ commonName: "a server", issuer });
  const paths = {
    cert_file: join(at, "tls.crt"),
    key_file: join(at, "tls.key"),
    ca_file: join(at, "ca.crt"),
  };
  writeFileSync(paths.cert_file, cert);
  writeFileSync(paths.key_file, key);
  writeFileSync(paths.ca_file, first.cert);
  return paths;
}

function clientSecret(commonName: string): Values {
  const { cert, key } = makeCertificate({ commonName, issuer: first });
  return { "ca.crt": first.cert, "tls.crt": cert, "tls.key": key };
}

const mutual = { ...serverFiles(first), verify_and_map: true };
describeKills(
  "a client certificate",
  {
    login: { tls: { secretName: SECRET } },
    server: () => `tls ${JSON.stringify(mutual)}
authorization { users: [ { user: "CN=the first client" }, { user: "CN=the second client" } ] }`,
    secrets: [clientSecret("the first client"), clientSecret("the second client")],
    users: ["CN=the first client", "CN=the second client"],
  },
  { loginWord: 2, firstHalf: ({ "tls.crt": certificate = "" }) => ({ "tls.crt": certificate }) },
);

const servers = authorities.map((authority) => `tls ${JSON.stringify(serverFiles(authority))}`);
describeKills(
  "the authority that the server's certificate is from",
  {
    login: { tls: { secretName: SECRET } },
    server: (version) => servers[version] ?? "",
    secrets: [{ "ca.crt": first.cert }, { "ca.crt": second.cert }],
  },
  { loginWord: 2 },
);
