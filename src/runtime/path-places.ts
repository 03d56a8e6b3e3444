import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { dirname, join, parse, resolve, sep } from "node:path";

/** More links than this lead in a circle (what Linux allows). */
const MAX_LINKS = 40;

/** Names in a folder that count. */
export type Names = Set<string> | "every";

/** Names that count, by folder. */
export type Places = Map<string, Names>;

/**
 * Lists on which names in which folders it depends what absolute paths lead to: every step on the
 * way, links followed, as far as it goes; for a folder also all that is in it and where the links
 * in it lead.
 */
export function placesOf(paths: readonly string[]): Places {
  const places: Places = new Map();
  for (const path of paths) {
    const folder = walk(path, places);
    if (folder === undefined) continue;
    places.set(folder, "every");
    for (const entry of entriesOf(folder)) walk(join(folder, entry), places);
  }
  return places;
}

/** Adds what the path depends on; gives the folder it leads to, undefined where it leads to none. */
function walk(path: string, places: Places): string | undefined {
  let { root: at } = parse(path);
  let way = stepsOf(path);
  let links = 0;
  for (let step = way.shift(); step !== undefined; step = way.shift()) {
    add(places, at, step);
    const next = join(at, step);
    const kind = kindOf(next);
    if (kind === "folder") at = next;
    else if (kind === "link" && ++links <= MAX_LINKS) {
      const target = targetOf(next);
      if (target === undefined) return undefined;
      ({ root: at } = parse(target));
      way = [...stepsOf(target), ...way];
    } else return undefined;
  }
  return at;
}

function add(places: Places, folder: string, name: string): void {
  const names = places.get(folder);
  if (names === undefined) places.set(folder, new Set([name]));
  else if (names !== "every") names.add(name);
}

function stepsOf(path: string): string[] {
  return path.slice(parse(path).root.length).split(sep).filter(Boolean);
}

function kindOf(path: string): "folder" | "link" | "other" {
  try {
    const found = lstatSync(path);
    if (found.isSymbolicLink()) return "link";
    return found.isDirectory() ? "folder" : "other";
  } catch {
    // Not there yet, or not for us to see.
    return "other";
  }
}

function targetOf(link: string): string | undefined {
  try {
    return resolve(dirname(link), readlinkSync(link));
  } catch {
    // Replaced a moment ago, which its folder reports.
    return undefined;
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Removed a moment ago, which its parent reports, or not for us to read.
    return [];
  }
}

/** Writes the places so that equal ones are equal texts. */
export function fingerprintOf(places: Places): string {
  const lines = [...places].map(([folder, names]) =>
    JSON.stringify([folder, names === "every" ? names : [...names].sort()]),
  );
  return lines.sort().join("\n");
}
