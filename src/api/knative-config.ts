/**
 * What Knative's own ConfigMaps say to every component, as far as it concerns ours: `config-logging` and `config-observability`.
 *
 * Their data are texts, and other components' keys are in them too, so a key that is not known is nobody's fault here. What is wrong is a
 * sentence with the key and what is allowed. Defaults are Knative's, but for metrics, which cost nothing here until somebody asks for them.
 */
import { alternatives, shown } from "./faults.ts";

type Data = Readonly<Record<string, string>>;

/** Names the levels of a log that Knative's configuration can ask for. */
type KnativeLogLevel = "debug" | "info" | "warn" | "error" | "fatal";

// zap's own names; its levels for panics have no counterpart, and nothing above them either.
const ZAP_LEVELS: Readonly<Record<string, KnativeLogLevel>> = {
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  dpanic: "fatal",
  panic: "fatal",
  fatal: "fatal",
};
const DEFAULT_LEVEL = "info";

/** Finds a component's log level in `config-logging`: `loglevel.<component>`, else the level of `zap-logger-config`, else info. */
export function parseLogging(data: Data, component: string): KnativeLogLevel {
  const key = `loglevel.${component}`;
  const own = data[key] ?? "";
  return own === "" ? levelForAll(data["zap-logger-config"] ?? "") : levelOf(own, key);
}

function levelForAll(text: string): KnativeLogLevel {
  if (text.trim() === "") return DEFAULT_LEVEL;
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new Error(`zap-logger-config: JSON like {"level": "info"} expected`, { cause });
  }
  const { level = DEFAULT_LEVEL } = (config ?? {}) as { level?: unknown };
  return levelOf(level, "zap-logger-config: level");
}

function levelOf(value: unknown, key: string): KnativeLogLevel {
  const name = typeof value === "string" ? value.trim().toLowerCase() : "";
  if (Object.hasOwn(ZAP_LEVELS, name)) return ZAP_LEVELS[name] ?? DEFAULT_LEVEL;
  throw new Error(`${key}: ${alternatives(Object.keys(ZAP_LEVELS))} expected, got ${shown(value)}`);
}

const TRACING_PROTOCOLS = ["none", "stdout", "http/protobuf", "grpc"] as const;
const METRICS_PROTOCOLS = ["none", "prometheus", "http/protobuf", "grpc"] as const;
/** Send to somebody, so there has to be where. */
const SENDING: readonly string[] = ["http/protobuf", "grpc"];

/** Says where spans go, and how many traces that begin here are sampled: 0 for none, 1 for each. */
export interface TracingSettings {
  protocol: (typeof TRACING_PROTOCOLS)[number];
  /** There for the protocols that send. */
  endpoint: string | undefined;
  samplingRate: number;
}

/** Is what `config-observability` asks for. */
export interface ObservabilitySettings {
  tracing: TracingSettings;
  /** Whether metrics are shown. */
  hasMetrics: boolean;
  /** Say what of it is right and has no effect here, a sentence each. */
  notes: string[];
}

/** Reads `config-observability`. Throws one error that lists every fault with its key. */
export function parseObservability(data: Data): ObservabilitySettings {
  const faults: string[] = [];
  const attempt = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      faults.push((error as Error).message);
      return otherwise;
    }
  };
  const metrics = attempt(() => oneOf(data, "metrics-protocol", METRICS_PROTOCOLS), undefined);
  const metricsEndpoint = attempt(() => endpointFor("metrics", metrics, data), undefined);
  const protocol = attempt(() => oneOf(data, "tracing-protocol", TRACING_PROTOCOLS), undefined);
  const endpoint = attempt(() => endpointFor("tracing", protocol ?? "none", data), undefined);
  const samplingRate = attempt(() => rateIn(data, "tracing-sampling-rate"), 0);
  if (faults.length > 0) throw new Error(faults.join("; "));
  return {
    tracing: { protocol: protocol ?? "none", endpoint, samplingRate },
    hasMetrics: metrics !== "none",
    notes: [...metricsNotes(metrics, metricsEndpoint), ...tracingNotes(protocol)],
  };
}

function metricsNotes(protocol: string | undefined, endpoint: string | undefined): string[] {
  if (protocol !== undefined && SENDING.includes(protocol)) {
    return [
      `metrics-protocol: ${protocol} is not supported yet, metrics stay at /metrics of the admin port`,
    ];
  }
  if (endpoint === undefined) return [];
  return [
    "metrics-endpoint: has no effect, metrics are at /metrics of the admin port (ADMIN_PORT)",
  ];
}

function tracingNotes(protocol = "none"): string[] {
  return protocol === "grpc"
    ? [
        "tracing-protocol: grpc is not supported, no spans are made; http/protobuf is, port 4318 of most collectors",
      ]
    : [];
}

function oneOf<T extends string>(data: Data, key: string, allowed: readonly T[]): T | undefined {
  const value = (data[key] ?? "").trim();
  if (value === "") return undefined;
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new Error(`${key}: ${alternatives(allowed)} expected, got ${shown(value)}`);
}

function endpointFor(what: string, protocol: string | undefined, data: Data): string | undefined {
  const key = `${what}-endpoint`;
  const endpoint = (data[key] ?? "").trim();
  if (protocol !== undefined && SENDING.includes(protocol)) {
    if (endpoint !== "") return endpoint;
    throw new Error(`${key}: required with ${what}-protocol ${protocol}`);
  }
  if (endpoint === "") return undefined;
  if (protocol === "prometheus") return endpoint;
  throw new Error(`${key}: must not be set with ${what}-protocol ${protocol ?? "none"}`);
}

function rateIn(data: Data, key: string): number {
  const text = (data[key] ?? "").trim();
  const rate = Number(text);
  if (rate >= 0 && rate <= 1) return rate;
  throw new Error(`${key}: a number from 0 to 1 expected, got ${shown(text)}`);
}

/** Gives what reads Knative's configuration for one of our components. */
export function knativeParsers(component: string) {
  return {
    logging: {
      name: "config-logging",
      parse: (data: Data): KnativeLogLevel => parseLogging(data, component),
    },
    observability: { name: "config-observability", parse: parseObservability },
  } as const;
}
