/*
 * Judges texts that people write for us, by the parsers that the programs read them with:
 *
 *   NatsJetStreamChannel    api/parse-channel.ts; and fields that nobody knows, which a program lets pass
 *   ConfigMap               those of its keys that are configuration of ours
 *   no kind at all          a configuration file itself
 *   List                    each of its items
 *   any other kind          none of our business
 *
 * Nothing is thrown for what a text holds. Called by lint.ts for files, by doctor for the ConfigMaps of a cluster.
 */
import { unknownFields } from "../api/channel-fields.ts";
import { DEFAULTS_CONFIG, GO_NATS_CONFIG, NATS_CONFIG } from "../api/cluster-names.ts";
import { parseDispatcherDefaults } from "../api/dispatcher-defaults.ts";
import { type Fault, InvalidConfigError } from "../api/faults.ts";
import { KIND } from "../api/names.ts";
import { parseNatsConfig } from "../api/nats-config.ts";
import { parseChannel } from "../api/parse-channel.ts";
import { errorMessage } from "../runtime/errors.ts";
import { parseYaml } from "../runtime/yaml.ts";

/** Is what was found at a place: an error, or what works and should be written in another way. */
export interface Finding extends Fault {
  severity: "error" | "warning";
}

/** Is one object of a text, or a configuration file; `ours` says whether it was judged at all. */
export interface Judged {
  /** Counts from 1. */
  document: number;
  /** `NatsJetStreamChannel default/orders`, `ConfigMap config-jetstream`, or what configuration it is. */
  what: string;
  ours: boolean;
  findings: Finding[];
  /** What a channel is made of, by which two of them can collide. */
  channel?: { key: string; stream: string };
}

/** Says what a text without a kind may be: configuration, or nothing of ours (a folder holds many things). */
export interface LintOptions {
  isConfig: boolean;
}

type Fields = Readonly<Record<string, unknown>>;
type Parse = (value: unknown) => { warnings?: readonly string[] };

/** The keys of ConfigMaps that are ours, which are also the names of files in a Pod. */
const CONFIG_KEYS: Readonly<Record<string, Parse>> = {
  [NATS_CONFIG.key]: parseNatsConfig,
  [GO_NATS_CONFIG.key]: parseNatsConfig,
  [DEFAULTS_CONFIG.key]: (value) => ({ ...parseDispatcherDefaults(value), warnings: [] }),
};
/** In which nobody else's ConfigMap is called. */
const CONFIG_MAPS: Readonly<Record<string, string>> = {
  [NATS_CONFIG.name]: NATS_CONFIG.key,
  [DEFAULTS_CONFIG.name]: DEFAULTS_CONFIG.key,
};
const NAMING = { subjectPrefix: "", streamPrefix: "" };

/** Tells whether a file of that name is configuration of ours, whatever is in it. */
export function isConfigName(name: string): boolean {
  return Object.hasOwn(CONFIG_KEYS, name.replace(/\.ya?ml$/, ""));
}

/** Judges every document of a YAML text. */
export function lintText(text: string, options: LintOptions): Judged[] {
  let documents: unknown[];
  try {
    documents = parseYaml(text);
  } catch (error) {
    const finding: Finding = { severity: "error", path: "", reason: errorMessage(error) };
    return [{ document: 1, what: "YAML", ours: true, findings: [finding] }];
  }
  return documents.flatMap((value, index) =>
    value === null || value === undefined ? [] : lintValue(value, index + 1, options),
  );
}

/** Judges the text of a configuration, as it is under a key of a ConfigMap or in a file of that name. */
export function lintConfig(key: string, text: string): Finding[] {
  const parse = CONFIG_KEYS[key];
  if (parse === undefined) return [];
  try {
    const documents = parseYaml(text);
    if (documents.length > 1) throw new Error("one YAML document expected");
    return configFindings(parse, documents[0]);
  } catch (error) {
    return [{ severity: "error", path: "", reason: errorMessage(error) }];
  }
}

function lintValue(value: unknown, document: number, options: LintOptions): Judged[] {
  const { kind, items, metadata, data } = fieldsOf(value);
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    return items.flatMap((item) => lintValue(item, document, { isConfig: false }));
  }
  if (kind === KIND) return [lintChannel(value, document)];
  const { name = "" } = fieldsOf(metadata) as { name?: string };
  if (kind === "ConfigMap") return [lintConfigMap(name, fieldsOf(data), document)];
  if (kind !== undefined || !options.isConfig) {
    return [{ document, what: `${kind ?? "(no kind)"} ${name}`.trim(), ours: false, findings: [] }];
  }
  const { clusterDefault, namespaceDefaults } = fieldsOf(value);
  const isDefaults = clusterDefault !== undefined || namespaceDefaults !== undefined;
  const key = isDefaults ? DEFAULTS_CONFIG.key : NATS_CONFIG.key;
  const findings = configFindings(CONFIG_KEYS[key] as Parse, value);
  return [{ document, what: key, ours: true, findings }];
}

function lintChannel(value: unknown, document: number): Judged {
  const parsed = parseChannel(value, { jetstream: NAMING });
  const key = parsed.ok ? parsed.channel.key : parsed.key;
  const strangers = unknownFields(fieldsOf(value).spec).map(
    ({ isKept, path, reason }): Finding => ({
      severity: isKept ? "warning" : "error",
      path,
      reason: isKept ? `${reason}; it has no effect here` : reason,
    }),
  );
  return {
    document,
    what: `${KIND} ${key ?? "(no name)"}`,
    ours: true,
    findings: [
      ...parsed.refusals.map(({ path, reason }): Finding => ({ severity: "error", path, reason })),
      ...strangers,
    ],
    ...(parsed.ok
      ? { channel: { key: parsed.channel.key, stream: parsed.channel.stream.name } }
      : {}),
  };
}

function lintConfigMap(name: string, data: Fields, document: number): Judged {
  const keys = Object.keys(data).filter((key) => Object.hasOwn(CONFIG_KEYS, key));
  const findings = keys.flatMap((key) => {
    const text = data[key];
    if (typeof text === "string") {
      return lintConfig(key, text).map((finding) => below(`data.${key}`, finding));
    }
    const reason = `a text expected: write "${key}: |" and the configuration below it`;
    return [{ severity: "error", path: `data.${key}`, reason } as const];
  });
  const needed = CONFIG_MAPS[name];
  if (needed !== undefined && !keys.includes(needed)) {
    const reason = `key "${needed}" expected, got ${Object.keys(data).join(", ") || "none"}`;
    findings.push({ severity: "error", path: "data", reason });
  }
  return {
    document,
    what: `ConfigMap ${name}`,
    ours: keys.length > 0 || needed !== undefined,
    findings,
  };
}

function configFindings(parse: Parse, value: unknown): Finding[] {
  try {
    const { warnings = [] } = parse(value);
    return warnings.map((reason) => ({ severity: "warning", path: "", reason }));
  } catch (error) {
    const faults =
      error instanceof InvalidConfigError
        ? error.faults
        : [{ path: "", reason: errorMessage(error) }];
    return faults.map((fault) => ({ severity: "error", ...fault }));
  }
}

function below(prefix: string, finding: Finding): Finding {
  return { ...finding, path: finding.path === "" ? prefix : `${prefix}: ${finding.path}` };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
