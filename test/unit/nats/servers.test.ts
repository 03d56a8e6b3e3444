import { describe, expect, it } from "vitest";
import { type ServerOptions, serverOptionsFor } from "../../../src/nats/servers.ts";

describe("the client's options of nats urls", () => {
  it.each<[string[], ServerOptions]>([
    [["nats://a:4222"], { servers: ["a:4222"] }],
    [["a:4222", "b"], { servers: ["a:4222", "b"] }],
    [["nats://[::1]:4222"], { servers: ["[::1]:4222"] }],
    [["nats://user:pass@a:4222"], { servers: ["a:4222"], user: "user", pass: "pass" }],
    [["nats://u%40x:p%3A%25@a"], { servers: ["a"], user: "u@x", pass: "p:%" }],
    [["nats://user:100%@a"], { servers: ["a"], user: "user", pass: "100%" }],
    [["nats://token@a:4222"], { servers: ["a:4222"], token: "token" }],
    [["tls://a:4222"], { servers: ["a:4222"], tls: {} }],
    [
      ["nats://a", "nats://u:p@b", "nats://x:y@c"],
      { servers: ["a", "b", "c"], user: "u", pass: "p" },
    ],
    [["nats://t@a", "nats://u:p@b"], { servers: ["a", "b"], token: "t" }],
  ])("are, for %j, %j", (urls, options) => {
    expect(serverOptionsFor(urls)).toEqual(options);
  });

  it.each([
    [["http://a"], 'nats url "http://a" begins with http://, nats:// or tls:// expected'],
    [["nats://"], 'nats url "nats://"'],
    [["nats://a:99999"], 'nats url "nats://a:99999" is not a url'],
    [[], "no nats url is given"],
  ])("are refused for %j: %s", (urls, message) => {
    expect(() => serverOptionsFor(urls)).toThrow(message);
  });

  it.each([
    "http://user:secret@a",
    "nats://user:secret@a:99999",
    "nats://user:sec@ret@a:99999",
    "user:secret@a:99999",
  ])("are refused without showing the login: %s", (url) => {
    expect(() => serverOptionsFor([url])).toThrow("//…@a");
    try {
      serverOptionsFor([url]);
    } catch (error) {
      expect(String(error)).not.toMatch(/user|sec|ret/);
    }
  });
});
