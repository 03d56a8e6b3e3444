import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../runtime/errors.ts";
import { parseYaml } from "../runtime/yaml.ts";

/**
 * Tells whether Knative lets a Subscription name a channel of another namespace
 * (`cross-namespace-event-links` of its ConfigMap config-features). Where nobody says, it does not.
 */
export async function hasCrossNamespaceLinks(folder: string): Promise<boolean> {
  const [features] = await featuresIn(join(folder, "config-features"));
  const flag = (features as Record<string, unknown> | null | undefined)?.[
    "cross-namespace-event-links"
  ];
  return `${flag}`.toLowerCase() === "enabled";
}

async function featuresIn(path: string): Promise<unknown[]> {
  try {
    return parseYaml(await readFile(path, "utf8"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
