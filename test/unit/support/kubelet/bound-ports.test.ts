import { describe, expect, it } from "vitest";
import { createBoundPorts } from "../../../support/kubelet/bound-ports.ts";

const container = {
  name: "program",
  ports: [
    { name: "http-events", containerPort: 8080 },
    { name: "metrics", containerPort: 9090 },
    { name: "other", containerPort: 7070 },
  ],
};

describe("the ports of a program", () => {
  it.each([
    ["http-events", 40_001],
    [8080, 40_001],
    ["8080", 40_001],
    ["metrics", 40_002],
    ["other", 7070],
    [1234, 1234],
  ])("are known by what the manifest calls them: %s", (port, bound) => {
    const ports = createBoundPorts(container, {});
    ports.read({ msg: "http server listening", port: 40_001 });
    ports.read({ msg: "admin server listening", port: 40_002 });
    expect(ports.portOf(port)).toBe(bound);
  });

  it("are not known before the program has told them", () => {
    const ports = createBoundPorts(container, {});
    ports.read({ msg: "something else", port: 40_001 });
    expect(ports.portOf(8080)).toBeUndefined();
  });

  it("are those that the manifest's variables ask for, which the process is not given", () => {
    const ports = createBoundPorts(container, { HTTP_PORT: "8888" });
    ports.read({ msg: "http server listening", port: 40_001 });
    expect(ports.portOf(8888)).toBe(40_001);
    expect(ports.variables).toEqual({ HTTP_PORT: "0", ADMIN_PORT: "0" });
  });
});
