/** Reads what the chart has for Prometheus and Grafana: rules and dashboards. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml } from "../../src/runtime/yaml.ts";

const CHART = join(import.meta.dirname, "../../charts/jetstream-channel");

/** Is the file with the rules. */
export const RULES_FILE = join(CHART, "rules/jetstream-channel.yaml");

/** Holds one alert. */
export interface Alert {
  alert: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** Holds a dashboard, as far as it is looked at. */
export interface Dashboard {
  uid: string;
  title: string;
  templating: { list: { name: string; query: string | { query: string } }[] };
  panels: {
    id: number;
    title: string;
    description: string;
    gridPos: { x: number; y: number; w: number; h: number };
    targets: { expr: string }[];
  }[];
}

/** Gives every alert of the rules. */
export function readAlerts(): Alert[] {
  const [file] = parseYaml(readFileSync(RULES_FILE, "utf8")) as { groups: { rules: Alert[] }[] }[];
  return (file?.groups ?? []).flatMap(({ rules }) => rules);
}

/** Gives every dashboard, with the name of its file. */
export function readDashboards(): [file: string, dashboard: Dashboard][] {
  const folder = join(CHART, "dashboards");
  return readdirSync(folder).map((file) => [
    file,
    JSON.parse(readFileSync(join(folder, file), "utf8")) as Dashboard,
  ]);
}

/** Gives every query of rules and dashboards, with where it stands. */
export function allQueries(): [where: string, query: string][] {
  const ofAlerts = readAlerts().map(({ alert, expr }): [string, string] => [alert, expr]);
  const ofPanels = readDashboards().flatMap(([file, { panels, templating }]) => [
    ...panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }): [string, string] => [`${file}: ${title}`, expr]),
    ),
    ...templating.list.flatMap(({ name, query }): [string, string][] =>
      typeof query === "string" ? [] : [[`${file}: variable ${name}`, query.query]],
    ),
  ]);
  return [...ofAlerts, ...ofPanels];
}

/** Holds a metric that a query names, and the labels that it selects by. */
interface Selector {
  metric: string;
  labels: string[];
}

/** Finds the metrics in a query; a histogram's parts count as the histogram. */
export function selectorsIn(query: string): Selector[] {
  const found = query.matchAll(/\b((?:jetstream_channel|kn|process|nodejs)_\w+)(?:\{([^}]*)\})?/g);
  return (
    [...found]
      .map(([, name = "", matchers = ""]) => ({
        metric: name.replace(/_(?:bucket|sum|count)$/, ""),
        labels: [...matchers.matchAll(/(\w+)\s*[=!]~?/g)].map(([, label = ""]) => label),
      }))
      // Labels of an aggregation look like metrics.
      .filter(({ metric }) => !/^kn_channel_(?:name|namespace)$/.test(metric))
  );
}

/** Lists the queries that ask for a metric, or select by a label, that a program's `/metrics` does not have. */
export function notThere(metrics: string, isItsMetric: (name: string) => boolean): string[] {
  return allQueries().flatMap(([where, query]) =>
    selectorsIn(query)
      .filter(({ metric }) => isItsMetric(metric))
      .flatMap(({ metric, labels }) => {
        if (!metrics.includes(`# TYPE ${metric} `)) return [`${where}: ${metric}`];
        const samples = metrics.match(new RegExp(`^${metric}(_bucket)?\\{.*$`, "gm")) ?? [];
        return labels
          .filter((label) => !samples.some((sample) => sample.includes(`${label}="`)))
          .map((label) => `${where}: ${metric}{${label}}`);
      }),
  );
}
