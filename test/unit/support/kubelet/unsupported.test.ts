import type { V1Container, V1PodSpec } from "@kubernetes/client-node";
import { expect, it } from "vitest";
import { unsupportedIn } from "../../../support/kubelet/unsupported.ts";

function pod(container: Partial<V1Container>, spec: Partial<V1PodSpec> = {}) {
  return { spec: { containers: [{ name: "one", ...container }], ...spec } };
}

it.each([
  [
    "hostPath",
    pod({}, { volumes: [{ name: "v", hostPath: { path: "/" } }] }),
    "the hostPath volume v",
  ],
  ["init containers", pod({}, { initContainers: [{ name: "first" }] }), "initContainers"],
  ["a Job's restarts", pod({}, { restartPolicy: "Never" }), "restartPolicy other than Always"],
  ["hooks", pod({ lifecycle: { preStop: { sleep: { seconds: 1 } } } }), "lifecycle hooks"],
  [
    "subPath",
    pod({ volumeMounts: [{ name: "v", mountPath: "/v", subPath: "x" }] }),
    "a subPath of the volume v",
  ],
  [
    "a probe that runs a command",
    pod({ livenessProbe: { exec: { command: ["true"] } } }),
    "probes other than httpGet",
  ],
])("names %s, which would be left out without a word", (_, given, named) => {
  expect(unsupportedIn(given)).toBe(`the process kubelet cannot do ${named}`);
});

it("has nothing to say of what it can do", () => {
  const httpGet = { path: "/readyz", port: "admin" };
  const volumes = [
    { name: "a", configMap: { name: "a" } },
    { name: "b", emptyDir: {} },
  ];
  const volumeMounts = [{ name: "a", mountPath: "/a" }];
  const spec = { volumes, restartPolicy: "Always", terminationGracePeriodSeconds: 60 };
  const container = { readinessProbe: { httpGet }, volumeMounts };
  expect(unsupportedIn(pod(container, spec))).toBeUndefined();
});
