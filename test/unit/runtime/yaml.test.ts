import { expect, it } from "vitest";
import { parseYaml } from "../../../src/runtime/yaml.ts";

it("gives every document, and none for a text of comments", () => {
  expect(parseYaml("a: 1\n---\nb: 2\n")).toEqual([{ a: 1 }, { b: 2 }]);
  expect(parseYaml("# nothing yet\n")).toEqual([]);
});

it("tells the place of a fault in one line, and shows nothing of the text", () => {
  const text = "url: nats://user:geheim@127.0.0.1\ndispatch: [\n";
  expect(() => parseYaml(text)).toThrow(/^it is not YAML: .+ \(line \d+, column \d+\)$/);
  expect(() => parseYaml(text)).not.toThrow(/geheim/);
});
