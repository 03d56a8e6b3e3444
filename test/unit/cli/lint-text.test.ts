import { describe, expect, it } from "vitest";
import { isConfigName, lintConfig, lintText } from "../../../src/cli/lint-text.ts";

const channel = (spec: string, name = "orders") =>
  `apiVersion: messaging.knative.dev/v1alpha1\nkind: NatsJetStreamChannel\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
const configMap = (name: string, data: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: ${data}\n`;

const lines = (text: string, isConfig = true) =>
  lintText(text, { isConfig }).flatMap(({ what, findings }) =>
    findings.map(({ severity, path, reason }) => `${what}: ${severity}: ${path}: ${reason}`),
  );

describe("what is right", () => {
  it.each([
    ["a channel", channel("{ stream: { config: { maxAge: 168h } } }")],
    ["an unset field", channel("{ stream: null }")],
    ["a label of a Deployment", channel("{ deploymentSpecTemplate: { labels: { any: one } } }")],
    ["an affinity", channel("{ deploymentSpecTemplate: { affinity: { nodeAffinity: {} } } }")],
    ["a configuration of NATS", "url: nats://nats:4222"],
    ["a configuration of dispatchers", "clusterDefault: { replicas: 2 }"],
    ["a ConfigMap", configMap("config-jetstream", '{ eventing-jetstream: "url: nats://a" }')],
    ["a ConfigMap of somebody else", configMap("other", '{ url: "no" }')],
    ["an object of another kind", "kind: Service\nmetadata: { name: x }\nspec: { urls: 1 }"],
    ["a list", `kind: List\nitems: [${JSON.stringify({ kind: "Pod" })}]`],
    ["nothing", "---\n# nothing\n"],
  ])("finds nothing in %s", (_, text) => {
    expect(lines(text)).toEqual([]);
  });

  it("leaves a text without a kind alone where nobody said that it is configuration", () => {
    expect(lines("image: x", false)).toEqual([]);
    expect(lintText("image: x", { isConfig: false })).toMatchObject([{ ours: false }]);
  });
});

describe("what is wrong", () => {
  const orders = "NatsJetStreamChannel default/orders: error: ";
  it.each([
    [
      "a word",
      channel("{ stream: { config: { storage: Disk } } }"),
      `${orders}spec.stream.config.storage: "File" or "Memory" expected, got "Disk"`,
    ],
    [
      "a typo",
      channel("{ stream: { config: { maxage: 1h } } }"),
      `${orders}spec.stream.config: unknown key "maxage"; allowed: additionalSubjects,`,
    ],
    [
      "a typo in a list",
      channel("{ stream: { config: { sources: [{ nam: A, name: A }] } } }"),
      `${orders}spec.stream.config.sources[0]: unknown key "nam"; allowed: name,`,
    ],
    [
      "a typo at the top",
      channel("{ streams: {} }"),
      `${orders}spec: unknown key "streams"; allowed: stream,`,
    ],
    [
      "a typo that Knative may mean",
      channel("{ delivery: { retries: 3 } }"),
      'NatsJetStreamChannel default/orders: warning: spec.delivery: unknown key "retries"; allowed: deadLetterSink,',
    ],
    [
      "a subscriber",
      channel("{ subscribers: [{ uid: a, subscriberUri: ftp://x }] }"),
      `${orders}spec.subscribers[0].subscriberUri: `,
    ],
    [
      "another version",
      "apiVersion: messaging.knative.dev/v1\nkind: NatsJetStreamChannel\nmetadata: { name: a }",
      'NatsJetStreamChannel default/a: error: apiVersion: "messaging.knative.dev/v1alpha1" expected, got',
    ],
    [
      "no name",
      "apiVersion: messaging.knative.dev/v1alpha1\nkind: NatsJetStreamChannel",
      "NatsJetStreamChannel (no name): error: metadata: required: an object",
    ],
    [
      "a channel in a list",
      `kind: List\nitems:\n  - ${channel("{ auth: 1 }").trim().replaceAll("\n", "\n    ")}`,
      `${orders}spec.auth: `,
    ],
    [
      "a configuration of NATS",
      "urls: x",
      'eventing-jetstream: error: : unknown key "urls"; allowed: url, auth,',
    ],
    [
      "one of the Go implementation",
      "connOpts: {}",
      "eventing-jetstream: warning: : connOpts: ignored",
    ],
    [
      "a configuration of dispatchers",
      "clusterDefault: { replica: 2 }",
      'jetstream-dispatcher-config: error: clusterDefault: unknown key "replica"; allowed: configName, replicas',
    ],
    [
      "a ConfigMap's text",
      configMap("config-jetstream", '{ eventing-jetstream: "dispatch: { timeout: soon }" }'),
      "ConfigMap config-jetstream: error: data.eventing-jetstream: dispatch.timeout: a duration like",
    ],
    [
      "a ConfigMap's text that is no YAML",
      configMap("any", '{ jetstream-dispatcher-config: "a: b: c" }'),
      "ConfigMap any: error: data.jetstream-dispatcher-config: it is not YAML: ",
    ],
    [
      "a ConfigMap without its key",
      configMap("config-jetstream", "{ eventing-jetstram: x }"),
      'ConfigMap config-jetstream: error: data: key "eventing-jetstream" expected, got eventing-jetstram',
    ],
    [
      "a ConfigMap with an object",
      configMap("config-jetstream", "{ eventing-jetstream: { url: x } }"),
      "ConfigMap config-jetstream: error: data.eventing-jetstream: a text expected",
    ],
    ["what is no YAML", "a: b: c", "YAML: error: : it is not YAML: "],
  ])("names %s", (_, text, expected) => {
    const found = lines(text);
    expect(found.map((line) => line.slice(0, expected.length))).toEqual([expected]);
  });

  it("counts the documents", () => {
    const judged = lintText(`${channel("{}")}---\n${channel("{ a: 1 }", "b")}`, { isConfig: true });
    expect(judged.map(({ document, findings }) => [document, findings.length])).toEqual([
      [1, 0],
      [2, 1],
    ]);
  });

  it("repeats nothing that may be a password", () => {
    const text = "url: nats://me:s3cret@h:1\nauth: { token: s3cret }\npassword: s3cret";
    expect(lines(text).join("\n")).toContain("unknown key");
    expect(lines(text).join("\n")).not.toContain("s3cret");
  });
});

it("knows files of configuration by the names that they have in a Pod", () => {
  expect(isConfigName("eventing-jetstream")).toBe(true);
  expect(isConfigName("jetstream-dispatcher-config.yaml")).toBe(true);
  expect(isConfigName("values.yaml")).toBe(false);
});

it("wants one document in a configuration", () => {
  expect(lintConfig("eventing-jetstream", "url: a\n---\nurl: b")).toMatchObject([
    { severity: "error", reason: "one YAML document expected" },
  ]);
});
