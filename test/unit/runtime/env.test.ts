import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseEnv, port } from "../../../src/runtime/env.ts";

const Schema = z.object({ HTTP_PORT: port.default(8080), NAME: z.string() });

describe("an environment", () => {
  it("is read by its schema, and other people's variables pass", () => {
    const env = { HTTP_PORT: "0", NAME: "a", PATH: "/bin" };
    expect(parseEnv(Schema, env)).toEqual({ HTTP_PORT: 0, NAME: "a" });
  });

  it("has defaults for what is unset, and an empty variable is unset", () => {
    expect(parseEnv(Schema, { HTTP_PORT: "", NAME: "a" })).toEqual({ HTTP_PORT: 8080, NAME: "a" });
    expect(() => parseEnv(Schema, { NAME: "" })).toThrow("NAME");
  });

  it("with faults is refused with all of them, each with its variable", () => {
    const parse = () => parseEnv(Schema, { HTTP_PORT: "x" });
    expect(parse).toThrow(/^the environment is not right:\n/);
    expect(parse).toThrow(/a port number from 0 to 65535 expected\s+→ at HTTP_PORT/);
    expect(parse).toThrow(/→ at NAME/);
  });
});

describe("a port", () => {
  it.each([
    ["0", 0],
    ["8080", 8080],
    ["65535", 65_535],
  ])("%s", (text, number) => {
    expect(port.parse(text)).toBe(number);
  });

  it.each(["65536", "99999", "-1", "80.5", "0x50", "http", " 80", "1e3", "٨٠"])(
    "%j is none",
    (text) => {
      expect(port.safeParse(text).success).toBe(false);
    },
  );
});
