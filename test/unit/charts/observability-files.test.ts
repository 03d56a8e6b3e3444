import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  allQueries,
  readAlerts,
  readDashboards,
  selectorsIn,
} from "../../support/observability-files.ts";

const ROOT = join(import.meta.dirname, "../../..");

describe("the alert", () => {
  it.each(readAlerts())("$alert says what is wrong, how bad it is, and where to read on", (one) => {
    expect(["warning", "critical"]).toContain(one.labels?.severity);
    expect(one.annotations?.summary).toMatch(/^\S.{10,80}$/);
    expect(one.annotations?.description).toMatch(/\.$/);
    const { runbook_url: page = "" } = one.annotations ?? {};
    expect(page).toBe(`docs/runbooks/${one.alert}.md`);
    const text = readFileSync(join(ROOT, page), "utf8");
    expect(text).toMatch(new RegExp(`^# ${one.alert}\n\n\\*\\*Means\\*\\*: `));
    expect(text).toMatch(/^\*\*Look\*\*: ?/m);
    expect(text).toMatch(/^\*\*Remedy\*\*: ?/m);
  });

  it("is there for every page", () => {
    const pages = readdirSync(join(ROOT, "docs/runbooks")).map((file) => file.replace(/\.md$/, ""));
    expect(pages.toSorted()).toEqual(
      readAlerts()
        .map(({ alert }) => alert)
        .toSorted(),
    );
  });
});

describe.each(readDashboards())("the dashboard %s", (_file, { panels, uid, title }) => {
  it("explains every panel, and shows none twice or over another", () => {
    expect(uid).toMatch(/^jetstream-channel-/);
    expect(title).not.toBe("");
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const panel of panels) {
      expect(panel.description, panel.title).toMatch(/\.$/);
      expect(panel.targets.length, panel.title).toBeGreaterThan(0);
    }
  });
});

it("asks in every query for a metric", () => {
  for (const [where, query] of allQueries()) {
    expect(selectorsIn(query).length, where).toBeGreaterThan(0);
  }
});

it("is read to the metrics and labels in its queries", () => {
  const query =
    'sum by (le, kn_channel_name) (rate(kn_workqueue_depth_bucket{name="a",x!~"b"}[5m])) / jetstream_channel_ready';
  expect(selectorsIn(query)).toEqual([
    { metric: "kn_workqueue_depth", labels: ["name", "x"] },
    { metric: "jetstream_channel_ready", labels: [] },
  ]);
});
