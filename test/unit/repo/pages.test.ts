import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandsIn, fencedBlocks, PAGES, pageText, ROOT } from "../../support/documents.ts";

const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

/** What a reader is told to run: our scripts, and tools whose words are looked at elsewhere or are known by everybody. */
const PROGRAMS = [
  "npm",
  "npx",
  "node",
  "jetstream-channel",
  "bash",
  "curl",
  "kubectl",
  "helm",
  "nats",
  "nsc",
  "git",
  "cd",
  "cp",
  "mkdir",
  "chmod",
  "grep",
  "base64",
  "openssl",
  "cosign",
  "kind",
];

/** What the pages use of NATS' own tools, which are not run here. */
const NATS_COMMANDS = [
  "account info",
  "stream report",
  "stream backup",
  "stream restore",
  "stream info",
  "stream view",
  "stream get",
  "stream ls",
  "stream purge",
  "consumer info",
  "consumer rm",
  "consumer add",
];

describe.each(PAGES)("%s", (page) => {
  it("links to nothing that is not there", () => {
    const links = [...withoutCode(pageText(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, link = ""]) => link,
    );
    const broken = links.filter((link) => !/^(https?|mailto):/.test(link) && !isThere(page, link));
    expect(broken).toEqual([]);
  });
});

it("every page of docs/ is in the table of docs/README.md", () => {
  const index = pageText("docs/README.md");
  const missing = PAGES.map((page) => /^docs\/(.+)$/.exec(page)?.[1] ?? "README.md").filter(
    (name) =>
      name !== "README.md" && !name.startsWith("runbooks/") && !index.includes(`](${name})`),
  );
  expect(missing).toEqual([]);
});

it("every block of a page says what it is, or is a picture", () => {
  const commands = fencedBlocks("").filter(({ text }) =>
    /^(npm|kubectl|curl|nats|helm|nsc|cp|mkdir) /m.test(text),
  );
  expect(commands.map(({ at }) => at)).toEqual([]);
});

describe.each(fencedBlocks("sh"))("the commands of $at", ({ text }) => {
  it("are programs and scripts that there are", () => {
    const unknown = commandsIn(text)
      .map((command) => command.filter((word) => !/^[A-Z_]+=/.test(word)))
      .filter((words) => !isKnown(words));
    expect(unknown).toEqual([]);
  });
});

function isKnown([program = "", ...rest]: string[]): boolean {
  if (program === "npm") return knownToNpm(rest);
  if (program === "nats") return NATS_COMMANDS.includes(rest.slice(0, 2).join(" "));
  if (program === "node") return rest[0] === "-e" || existsSync(join(ROOT, rest[0] ?? ""));
  return program.startsWith("$(") || PROGRAMS.includes(program);
}

function knownToNpm([verb = "", script = ""]: string[]): boolean {
  return (
    verb === "ci" || verb === "install" || verb === "test" || (verb === "run" && script in scripts)
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/```.*?```/gs, "").replaceAll(/`[^`\n]*`/g, "");
}

function isThere(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return false;
  return anchor === undefined || !target.endsWith(".md") || anchorsOf(target).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...pageText(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
