/** The pages' helm commands: options are such as helm has, and values such as the chart takes. */
import { beforeAll, describe, expect, it } from "vitest";
import { commandsIn, fencedBlocks } from "../../support/documents.ts";
import { CHART, helm, helmIsThere } from "../../support/helm.ts";

/** Is NATS' own chart, whose values are looked up by a person. */
const OTHERS_CHART = "nats/nats";

beforeAll(...helmIsThere);

const blocks = fencedBlocks("sh")
  .map(({ at, text }) => ({
    at,
    commands: commandsIn(text).filter(([program]) => program === "helm"),
  }))
  .filter(({ commands }) => commands.length > 0);

describe.each(blocks)("the helm commands of $at", ({ commands }) => {
  it("are such as helm and the chart know", async () => {
    for (const [, verb = "", ...words] of commands) {
      const { output } = await helm(undefined, verb, "--help");
      const options = words
        .filter((word) => word.startsWith("-"))
        .map((word) => word.split("=")[0]);
      const unknown = options.filter((option) => !new RegExp(`[ ,]${option}[ ,]`).test(output));
      expect(unknown, verb).toEqual([]);
      if (words.includes(OTHERS_CHART)) continue;
      const values = words.flatMap((word, at) =>
        words[at - 1] === "--set" ? ["--set", word] : [],
      );
      const rendered = await helm(undefined, "template", "a", CHART, ...values);
      expect(rendered.exitCode, rendered.output).toBe(0);
      if (["install", "upgrade"].includes(verb))
        expect(words).toContain("charts/jetstream-channel");
    }
  });
});
