/** Writes requests to a channel byte for byte, right or wrong, and judges what became of the wrong ones. */
import { expect } from "vitest";
import type { DataPlane } from "../../support/data-plane.ts";
import { sendRaw } from "../../support/send-raw.ts";
import { lastSequence } from "./stored-messages.ts";

export const LINE = "POST / HTTP/1.1";
/** Is the address of the channel default/bad. */
export const HOST = "Host: bad-kn-jsm-channel.default";
const STREAM = "KN_DEFAULT__BAD";
export const EVENT = ["ce-specversion: 1.0", "ce-id: bad", "ce-source: /bad", "ce-type: t"];

/** Is a request that must be refused: what is wrong, its bytes, the status, and what the reason says. */
export type BadRequest = [what: string, bytes: Buffer, status: number, reason: RegExp];

/** Writes a request whose connection ends with the answer; the body is said as it is. */
export function request(headers: string[], body: string | Buffer = ""): Buffer {
  const head = [LINE, HOST, "Connection: close", ...headers, "\r\n"].join("\r\n");
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body)]);
}

/** Writes a binary event with further headers, or with others in the place of its own. */
export function binary(more: string[], body: string | Buffer = "{}"): Buffer {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  const names = more.map((line) => line.split(":")[0]);
  const kept = EVENT.filter((line) => !names.includes(line.split(":")[0]));
  return request([...kept, length, ...more], body);
}

/** Sends a bad request: it is refused as said, with one answer, nothing is stored, and the next good event is. */
export async function expectRefused(
  plane: DataPlane,
  [, bytes, status, reason]: BadRequest,
): Promise<void> {
  const before = await lastSequence(plane.nc, STREAM);
  const answer = await sendRaw(plane.dispatcher.httpPort, bytes);
  expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
  expect(answer.slice(answer.indexOf("\r\n\r\n") + 4)).toMatch(reason);
  expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);

  const good = binary([`ce-id: after-${before}`]);
  expect(await sendRaw(plane.dispatcher.httpPort, good)).toMatch(/^HTTP\/1\.1 202 /);
  expect(await lastSequence(plane.nc, STREAM)).toBe(before + 1);
}
