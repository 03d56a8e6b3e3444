import { describe, expect, it } from "vitest";
import { channelSecrets, natsPlan } from "../../../src/controller/dispatcher-plan.ts";
import type { Channel } from "../../../src/controller/kinds.ts";

describe("a NATS configuration", () => {
  const where = { namespace: "n", name: "c", key: "eventing-jetstream" };
  const plan = (text: string) => natsPlan({ data: { "eventing-jetstream": text } }, where);

  it("names what has to be mounted", () => {
    const text = `
auth: { usernamePassword: { secret: { secretName: login } } }
tls: { secretName: tls, caSecret: { secretName: login }, caConfigMap: { name: ca } }
dispatch: { gracePeriod: PT1M30.5S }`;
    expect(plan(text)).toMatchObject({
      ok: true,
      needs: { secrets: ["login", "tls"], configMaps: ["ca"], gracePeriodSeconds: 91 },
    });
  });

  it("needs new Pods for other names and another grace period, and for nothing else that is not mounted", () => {
    const needs = plan("url: nats://a");
    const same = "# why\nurl: 'nats://b'\ndispatch: { timeout: PT9S, memory: 32Mi }\n";
    expect(plan(same)).toEqual(needs);
    for (const other of [
      "jetstream: { subjectPrefix: east }",
      "dispatch: { gracePeriod: PT61S }",
      "tls: { secretName: tls }",
    ]) {
      expect(plan(other)).not.toEqual(needs);
    }
  });

  it.each([
    [undefined, "ConfigMapNotFound", "ConfigMap n/c is not there; create it"],
    [{ data: {} }, "ConfigMapKeyNotFound", 'no key "eventing-jetstream"'],
    [{ data: { "eventing-jetstream": "url: 1" } }, "ConfigMapInvalid", "url: a text expected"],
    [{ data: { "eventing-jetstream": "{" } }, "ConfigMapInvalid", "it is not YAML"],
    [
      { data: { "eventing-jetstream": "a: 1\n---\nb: 1" } },
      "ConfigMapInvalid",
      "one YAML document",
    ],
  ])("%j is %s", (configMap, reason, words) => {
    const message = expect.stringContaining(words);
    expect(natsPlan(configMap, where)).toEqual({ ok: false, reason, message });
  });

  it("of the Go implementation is understood, and has to name a server", () => {
    const gos = { namespace: "n", name: "config-nats", key: "eventing-nats" };
    const auth = "auth: { credentialFile: { secret: { name: creds } } }";
    const plan = (text: string) => natsPlan({ data: { "eventing-nats": text } }, gos);
    expect(plan(`url: nats://a\n${auth}`)).toMatchObject({
      ok: true,
      needs: { secrets: ["creds"] },
    });
    expect(plan(auth)).toMatchObject({
      ok: false,
      message: expect.stringContaining("url: a NATS"),
    });
  });

  it("is completed by the Secrets of channels, those with faults left out", () => {
    const withAuth = (auth: unknown): Channel => ({ spec: { auth } });
    const token = (secretName: string) => ({ token: { secret: { secretName } } });
    const channels = [token("b"), token("a"), token("b"), undefined, { token: 1 }].map(withAuth);
    expect(channelSecrets(channels)).toEqual(["a", "b"]);
  });
});
