/** What the monitor is told: one word for the whole, by the worst of what it is made of. */
import { describe, expect, test } from "vitest";
import { unixSeconds } from "../../core/units.ts";
import type { ConnectionState } from "../lnd-connection.ts";
import { createHealth, type HealthPorts } from "./health.ts";

const NOW = unixSeconds(1_790_000_000);
const SCHEMA = 12;
type Standing = Pick<ConnectionState, "standing" | "troubles">;
const WELL: Standing = { standing: "ok", troubles: [] };

function healthOf(over: Partial<HealthPorts> = {}, connections: Standing[] = [WELL]) {
  const states = connections.map((each) => ({ node: "primary", purpose: "readonly", ...each }) as ConnectionState);
  const ports = {
    lnd: { states: () => states, info: () => ({ nodePubkey: "02", blockHeight: 9, channelCount: 3 }) },
    schemaVersion: async () => SCHEMA,
    scoredAt: async () => NOW,
    unknownPayments: async () => ({ count: 0, oldestSec: undefined }),
    now: () => NOW,
    events: { failed: () => undefined } as unknown as HealthPorts["events"],
    ...over,
  };
  return createHealth(ports, { expectedSchemaVersion: SCHEMA, version: "1" }).read();
}

describe("scores", () => {
  test.each([
    { name: "fresh ones are well", ageSec: 0, want: { status: "ok", scoringStale: false, scoringAgeSec: 0 } },
    {
      name: "two hours are the limit",
      ageSec: 7_200,
      want: { status: "ok", scoringStale: false, scoringAgeSec: 7_200 },
    },
    { name: "beyond it they are stale", ageSec: 7_201, want: { status: "degraded", scoringStale: true } },
    { name: "a clock ahead of ours ages nothing", ageSec: -5, want: { status: "ok", scoringAgeSec: 0 } },
  ])("$name", async ({ ageSec, want }) => {
    expect(await healthOf({ scoredAt: async () => unixSeconds(NOW - ageSec) })).toMatchObject(want);
  });

  test("none at all are stale, and no reason to stop selling", async () => {
    const want = { status: "degraded", scoringStale: true, scoringAgeSec: null };
    expect(await healthOf({ scoredAt: async () => undefined })).toMatchObject(want);
  });
});

test.each<[string, Partial<HealthPorts>]>([
  ["a database that does not answer", { scoredAt: () => Promise.reject(new Error("away")) }],
  ["a schema that is not ours", { schemaVersion: async () => SCHEMA - 1 }],
])("%s is down, however fresh the scores", async (_, over) => {
  expect((await healthOf(over)).status).toBe("down");
});

test.each<[string, Standing[], { status: string; lndStatus: string }]>([
  ["a lost node", [{ standing: "down", troubles: [] }], { status: "degraded", lndStatus: "down" }],
  ["one of two", [WELL, { standing: "down", troubles: [] }], { status: "degraded", lndStatus: "ok" }],
])("%s degrades, and paid tokens still work", async (_, connections, want) => {
  expect(await healthOf({}, connections)).toMatchObject(want);
});
