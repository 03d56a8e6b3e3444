import { expect, it } from "vitest";
import { binaryRequest, structuredRequest } from "../../support/cloud-event-client.ts";

const event = { id: "1", source: "/s", type: "t", subject: "ü" };

it("writes a binary event without data as headers alone", () => {
  const { headers, body } = binaryRequest({ ...event, subject: "%C3%BC" });
  expect(headers).toEqual({
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/s",
    "ce-type": "t",
    "ce-subject": "%C3%BC",
    "content-length": "0",
  });
  expect(body).toBe("");
});

it.each([
  ["JSON verbatim", { data: '{"n": 1.0}' }, '"data":{"n": 1.0}}'],
  [
    "JSON of a special kind verbatim",
    { data: "[1.0]", datacontenttype: "application/x+json; a=b" },
    '"data":[1.0]}',
  ],
  ["other text as a string", { data: "1.0", datacontenttype: "text/plain" }, '"data":"1.0"}'],
  ["bytes in base64", { data: Buffer.from([0, 255]) }, '"data_base64":"AP8="}'],
  ["no data as no member", {}, '"subject":"ü"}'],
])("writes into a structured event %s", (_, data, end) => {
  const { headers, body } = structuredRequest({ ...event, ...data });
  expect(String(body).endsWith(end)).toBe(true);
  expect(JSON.parse(String(body))).toMatchObject({ specversion: "1.0", ...event });
  expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)));
});
