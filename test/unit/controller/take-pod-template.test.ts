import { describe, expect, it } from "vitest";
import { withFieldsTaken } from "../../../src/controller/take-pod-template.ts";

const template = (field: string) => ({ "f:template": { "f:spec": { [field]: {} } } });
const own = (fields: object) => ({
  manager: "jetstream-channel-controller",
  operation: "Apply",
  apiVersion: "apps/v1",
  fieldsType: "FieldsV1",
  fieldsV1: { "f:spec": fields },
});

describe("the managed fields of a Deployment", () => {
  it("are taken from all who updated them, and from nobody else", () => {
    const applied = {
      manager: "gitops",
      operation: "Apply",
      fieldsV1: { "f:spec": template("f:c") },
    };
    const status = { manager: "kcm", operation: "Update", subresource: "status", fieldsV1: {} };
    const entries = [
      {
        manager: "controller",
        operation: "Update",
        fieldsV1: { "f:spec": { "f:replicas": {}, ...template("f:a") }, "f:metadata": {} },
      },
      { manager: "kubectl-edit", operation: "Update", fieldsV1: { "f:spec": template("f:b") } },
      applied,
      status,
    ];
    expect(withFieldsTaken(entries, ["f:template"])).toEqual([
      {
        manager: "controller",
        operation: "Update",
        fieldsV1: { "f:spec": { "f:replicas": {} }, "f:metadata": {} },
      },
      applied,
      status,
      own({ "f:template": { "f:spec": { "f:a": {}, "f:b": {} } } }),
    ]);
  });

  it("stay as they are when nobody updated them", () => {
    const entries = [{ manager: "a", operation: "Apply", fieldsV1: { "f:spec": template("f:a") } }];
    expect(withFieldsTaken(entries, ["f:template"])).toBeUndefined();
    expect(withFieldsTaken([], ["f:template"])).toBeUndefined();
  });
});
