import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Respond } from "../../support/event-sink.ts";
import { freePort } from "../../support/free-port.ts";
import { type Lane, type LaneOptions, type Lanes, startLanes } from "./lanes.ts";

const QUICK = { backoffPolicy: "linear", backoffDelay: "PT0.01S" };
const ok: Respond = () => ({ status: 200 });

const RETRIABLE = [404, 408, 409, 429, 500, 502, 503, 504, 599, 600, 799];
const FINAL = [300, 301, 307, 308, 400, 401, 403, 405, 410, 413, 422, 451];
const SUCCESS = [200, 201, 202, 204, 299];

/** Answers with the status that the event's subject names, as often as there are retries and no more. */
const asSubjectSays: Respond = ({ headers }) => {
  const status = Number(headers["ce-subject"]);
  // A server that redirects says where to; nobody may go there.
  return { status, headers: { location: "/elsewhere" }, body: "because" };
};

const COUNTS = [0, 1, 3];

let world: Lanes<string>;
let refusingPort: number;

beforeAll(async () => {
  refusingPort = await freePort();
  const counted = COUNTS.flatMap((retry): [string, LaneOptions][] => [
    [
      `retry-${retry}`,
      { subscriber: () => ({ status: 503 }), delivery: { retry, ...QUICK }, deadLetter: ok },
    ],
    [`no-sink-${retry}`, { subscriber: () => ({ status: 503 }), delivery: { retry, ...QUICK } }],
    [
      `recovers-${retry}`,
      {
        subscriber: (_, attempt) => ({ status: attempt > retry ? 200 : 500 }),
        delivery: { retry, ...QUICK },
        deadLetter: ok,
      },
    ],
  ]);
  world = await startLanes({
    ...Object.fromEntries(counted),
    statuses: { subscriber: asSubjectSays, delivery: { retry: 1, ...QUICK }, deadLetter: ok },
    reset: { subscriber: () => "reset", delivery: { retry: 2, ...QUICK }, deadLetter: ok },
    timeout: {
      subscriber: () => "hang",
      delivery: { retry: 1, timeout: "PT0.2S", ...QUICK },
      deadLetter: ok,
    },
    refused: {
      subscriberUri: `http://127.0.0.1:${refusingPort}/gone`,
      delivery: { retry: 1, ...QUICK },
      deadLetter: ok,
    },
    "unset-with-sink": { subscriber: () => ({ status: 503 }), deadLetter: ok },
    "unset-without-sink": {
      subscriber: (_, attempt) => ({ status: attempt > 6 ? 200 : 503 }),
      delivery: QUICK,
    },
    capped: {
      subscriber: () => ({ status: 503 }),
      consumer: { maxDeliver: 2 },
      delivery: { retry: 9, ...QUICK },
      deadLetter: ok,
    },
    slowly: {
      // The status is there in time, the rest of the answer never comes.
      subscriber: () => ({ status: 200, headers: { "content-length": "10" }, body: "12" }),
      delivery: { retry: 1, timeout: "PT0.3S", ...QUICK },
      deadLetter: ok,
    },
  });
});

afterAll(() => world.stop());

function lane(name: string): Lane {
  return world.lanes[name] as Lane;
}

/** Sends an event to be answered with a status, and gives how often it came and how it ended. */
async function answeredWith(status: number): Promise<{ attempts: number; deadLetters: number }> {
  const { subscriber, deadLetter, ...statuses } = lane("statuses");
  const id = await statuses.send({ subject: String(status) });
  await statuses.settled();
  const count = (ids: readonly string[]) => ids.filter((each) => each === id).length;
  return { attempts: count(subscriber.ids), deadLetters: count(deadLetter.ids) };
}

describe("a status", () => {
  it.each(SUCCESS)("%d is success", async (status) => {
    expect(await answeredWith(status)).toEqual({ attempts: 1, deadLetters: 0 });
  });

  it.each(RETRIABLE)("%d is tried again", async (status) => {
    expect(await answeredWith(status)).toEqual({ attempts: 2, deadLetters: 1 });
  });

  it.each(FINAL)("%d is final, and no redirect is followed", async (status) => {
    expect(await answeredWith(status)).toEqual({ attempts: 1, deadLetters: 1 });
    const paths = new Set(lane("statuses").subscriber.requests.map(({ path }) => path));
    expect(paths).toEqual(new Set(["/"]));
  });

  it("that came in time counts, though the rest of the answer does not come", async () => {
    const slowly = lane("slowly");
    await slowly.send();
    await slowly.settled();
    expect(slowly.subscriber.requests).toHaveLength(1);
    expect(slowly.deadLetter.requests).toHaveLength(0);
  });
});

describe("no answer", () => {
  it.each([
    ["reset", 3, /reset|closed|socket/i],
    ["timeout", 2, /no answer within 200 ms/],
    ["refused", 0, /ECONNREFUSED/],
  ])("is tried again and then a dead letter with code 500: %s", async (name, attempts, reason) => {
    const { subscriber, deadLetter, send, settled } = lane(name);
    await send();
    await settled();
    expect(subscriber.requests).toHaveLength(attempts);
    expect(deadLetter.requests).toHaveLength(1);
    const headers = deadLetter.requests[0]?.headers ?? {};
    expect(headers["ce-knativeerrorcode"]).toBe("500");
    const data = Buffer.from(String(headers["ce-knativeerrordata"]), "base64").toString();
    expect(data).toMatch(/^dispatch error: /);
    expect(data).toMatch(reason);
    expect(await lane(name).deliveries("retried")).toBe(Math.max(attempts, 2) - 1);
  });

  it("from a refused connection names the destination to the letter", () => {
    const headers = lane("refused").deadLetter.requests[0]?.headers ?? {};
    expect(headers["ce-knativeerrordest"]).toBe(`http://127.0.0.1:${refusingPort}/gone`);
  });
});

describe("the number of attempts", () => {
  it.each(COUNTS)("for retry %d is one more, and then comes the dead letter", async (retry) => {
    const { subscriber, deadLetter, send, settled } = lane(`retry-${retry}`);
    const ids = [await send(), await send(), await send()];
    await settled();
    for (const id of ids) {
      expect(subscriber.ids.filter((each) => each === id)).toHaveLength(1 + retry);
    }
    expect(deadLetter.ids.toSorted()).toEqual(ids.toSorted());
  });

  it.each(COUNTS)(
    "for retry %d without a sink is one more, and the event is given up",
    async (retry) => {
      const { subscriber, send, settled, deliveries, name } = lane(`no-sink-${retry}`);
      await send();
      await settled();
      expect(subscriber.requests).toHaveLength(1 + retry);
      expect(await deliveries("given_up")).toBe(1);
      const line = world.dataPlane.dispatcher.logs.find(
        ({ msg, channel }) => msg?.includes("given up") && channel === `default/${name}`,
      );
      expect(line).toMatchObject({ sequence: 1, reason: `${subscriber.url}: status 503` });
    },
  );

  it.each(COUNTS)("for retry %d ends with the first success", async (retry) => {
    const { subscriber, deadLetter, send, settled } = lane(`recovers-${retry}`);
    await send();
    await settled();
    expect(subscriber.requests).toHaveLength(1 + retry);
    expect(deadLetter.requests).toHaveLength(0);
  });

  it("is one when retry is unset and there is a sink", async () => {
    const { subscriber, deadLetter, send, settled } = lane("unset-with-sink");
    await send();
    await settled();
    expect(subscriber.requests).toHaveLength(1);
    expect(deadLetter.requests).toHaveLength(1);
  });

  it("has no end when retry is unset and there is no sink", async () => {
    const { subscriber, send, settled } = lane("unset-without-sink");
    await send();
    await settled();
    expect(subscriber.requests).toHaveLength(7);
  });

  it("is capped by maxDeliver, and the last failure goes to the sink like any other", async () => {
    const { subscriber, deadLetter, send, settled } = lane("capped");
    await send();
    await settled();
    expect(subscriber.requests).toHaveLength(2);
    expect(deadLetter.requests).toHaveLength(1);
  });
});
