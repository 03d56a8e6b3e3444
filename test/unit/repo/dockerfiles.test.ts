import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readDockerfile, textsOf } from "../../support/dockerfile.ts";
import { OPERATOR_IMAGES } from "../../support/installation.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PROGRAMS = ["controller", "dispatcher"] as const;

/** Gives the value of an instruction in exec form, which is a JSON array. */
function execForm(program: (typeof PROGRAMS)[number], name: string): string[] {
  const [text = "[]"] = textsOf(readDockerfile(program).at(-1), name);
  return JSON.parse(text) as string[];
}

describe.each(PROGRAMS)("Dockerfile.%s", (program) => {
  const image = readDockerfile(program).at(-1);

  it("starts what the process kubelet of the tests starts in its place", () => {
    const onThisMachine = execForm(program, "ENTRYPOINT").map((word) =>
      word
        .replace(/^\/nodejs\/bin\/node$/, process.execPath)
        .replace(/^\/app\/dist\/(.*)\.js$/, `${ROOT}/src/$1.ts`),
    );
    const { entrypoint, ...rest } = OPERATOR_IMAGES[`jetstream-channel-${program}:0.1.0`];
    expect(onThisMachine).toEqual(entrypoint);
    expect(rest).toEqual({ cmd: execForm(program, "CMD") });
  });

  it("runs as the user without rights whose home the base image has", () => {
    expect(textsOf(image, "USER")).toEqual(["65532:65532"]);
    expect(textsOf(image, "FROM")).toEqual([`\${BASE}`]);
  });

  it("needs no shell in its last stage, since the base image has none", () => {
    for (const text of textsOf(image, "RUN")) expect(JSON.parse(text)).toBeInstanceOf(Array);
  });

  it("copies nothing that .dockerignore keeps out", () => {
    const kept = readFileSync(join(ROOT, ".dockerignore"), "utf8").matchAll(/^!(.*)$/gm);
    const allowed = [...kept].map(([, path]) => path);
    const copied = textsOf(readDockerfile(program)[0], "COPY").flatMap((text) =>
      text.split(" ").slice(0, -1),
    );
    expect(copied.toSorted()).toEqual(allowed.toSorted());
  });
});

it("has the two images share all of their layers", () => {
  const [one, other] = PROGRAMS.map((program) =>
    readDockerfile(program)
      .flat()
      .filter(({ name }) => !["LABEL", "EXPOSE", "ENTRYPOINT"].includes(name)),
  );
  expect(one).toEqual(other);
});

it("keeps client-node out of images, and nothing else that the programs need", () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  expect(Object.keys(manifest.optionalDependencies)).toEqual(["@kubernetes/client-node"]);
});
