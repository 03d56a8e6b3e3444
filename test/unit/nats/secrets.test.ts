import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SecretFolder } from "../../../src/nats/secrets.ts";
import { eventually } from "../../support/eventually.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";

let files: SecretFiles;
let secrets: SecretFolder;
let reports: number;
let end: () => void;

beforeEach(async () => {
  files = await makeSecretFiles();
  secrets = new SecretFolder({ root: files.root, namespace: "default" });
  reports = 0;
  end = () => undefined;
});

afterEach(async () => {
  end();
  await files.remove();
});

async function reported(what: string, change: () => Promise<unknown>): Promise<void> {
  const before = reports;
  await change();
  await eventually(() => reports > before, { within: 5_000, what: `${what} to be reported` });
}

it("reads a value to the byte, as it is at the moment", async () => {
  const bytes = Buffer.from([0, 255, 10]);
  await files.put("login", { token: bytes });
  expect(await secrets.read("login", "token")).toEqual(bytes);
  await files.put("login", { token: "new" });
  expect((await secrets.read("login", "token")).toString()).toBe("new");
});

it("reads what a kubelet has mounted", async () => {
  await files.mount("login", { token: "one" });
  expect((await secrets.read("login", "token")).toString()).toBe("one");
  await files.mount("login", { token: "two" });
  expect((await secrets.read("login", "token")).toString()).toBe("two");
});

it("keeps namespaces apart, and ConfigMaps from Secrets of the same name", async () => {
  await files.put("same", { key: "of the Secret" });
  await files.put("configmap_same", { key: "of the ConfigMap" });
  expect((await secrets.read("same", "key")).toString()).toBe("of the Secret");
  expect((await secrets.configMaps.read("same", "key")).toString()).toBe("of the ConfigMap");
  const others = new SecretFolder({ root: files.root, namespace: "other" });
  expect(await others.readIfThere("same", "key")).toBe(undefined);
});

it("names Secret, key and the end of the path when a value is not there", async () => {
  await files.put("login", { token: "hunter2" });
  await expect(secrets.read("login", "tokn")).rejects.toThrow(
    'key "tokn" of Secret "login" is not there (no file …/default/login/tokn)',
  );
  await expect(secrets.read("logn", "token")).rejects.toThrow(
    'key "token" of Secret "logn" is not there (no file …/default/logn/token)',
  );
  await expect(secrets.configMaps.read("login", "token")).rejects.toThrow(
    'key "token" of ConfigMap "login" is not there (no file …/default/configmap_login/token)',
  );
});

it("names them also when a value is there and cannot be read", async () => {
  await mkdir(join(files.folderOf("login"), "token"), { recursive: true });
  const sentence = 'key "token" of Secret "login" cannot be read (file …/default/login/token)';
  await expect(secrets.read("login", "token")).rejects.toThrow(sentence);
  await expect(secrets.readIfThere("login", "token")).rejects.toThrow(sentence);
});

it("reports a value that is written in place, replaced, added, or hidden", async () => {
  await files.put("login", { token: "one" });
  end = secrets.watch(["login"], () => reports++);
  await reported("a write in place", () => files.put("login", { token: "two" }));
  await reported("a new key", () => files.put("login", { other: "one" }));
  await reported("new rights", () => chmod(join(files.folderOf("login"), "token"), 0o400));
  await reported("a removal", () => rm(join(files.folderOf("login"), "other")));
});

it("reports what a kubelet swaps, again and again", async () => {
  await files.mount("login", { token: "one" });
  end = secrets.watch(["login"], () => reports++);
  for (const value of ["two", "three", "four"]) {
    await reported(`the swap to ${value}`, () => files.mount("login", { token: value }));
  }
});

it("reports a Secret that comes later, each of several, and a ConfigMap", async () => {
  end = secrets.watch(["late", "later"], () => reports++);
  await reported("the first", () => files.put("late", { token: "one" }));
  await reported("the second", () => files.mount("later", { token: "one" }));
  end();
  end = secrets.configMaps.watch(["ca"], () => reports++);
  await reported("the ConfigMap", () => files.put("configmap_ca", { "ca.crt": "x" }));
});
