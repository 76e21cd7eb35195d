/** When a key says that it lives: after every change, once an hour, and not in between. */
import { expect, test } from "vitest";
import { contentHash } from "../../core/nip85/content-hash.ts";
import { type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import { HEARTBEAT_NAME } from "../../core/nip85/heartbeat.ts";
import { standingRoot } from "../../core/nip85/standing-set.ts";
import { unixSeconds } from "../../core/units.ts";
import { type PublishHeartbeatPorts, publishHeartbeats } from "./publish-heartbeat.ts";

const start = unixSeconds(1_790_000_000);
const pubkey = "ab".repeat(32);
const row = (name: string, change: Partial<{ createdAt: number; expiresAt: number }> = {}) => {
  const id = Buffer.from(name.padEnd(32)).toString("hex");
  return { kind: 30_385, d: name, id, createdAt: start - 9, expiresAt: start + 30 * 86_400, ...change };
};

function world() {
  const state = { set: [row("a"), row("b")], spoke: false, readings: 0, staged: [] as SignedEvent[] };
  const ports: PublishHeartbeatPorts = {
    async findPublished() {
      const event = state.staged.at(-1);
      return new Map(event ? [[HEARTBEAT_NAME, { event, contentHash: contentHash(event) }]] : []);
    },
    spokeSince: async () => state.spoke,
    async standingSet() {
      state.readings++;
      return state.set;
    },
    standingRoot: async (events) => standingRoot(events),
    logs: async () => ({
      evidence: { position: 1n, head: "cd".repeat(32) },
      predictions: { position: 2n, head: "ef".repeat(32) },
    }),
    sign: async (events) => events.map((event) => ({ ...event, id: "00".repeat(32), sig: "00".repeat(64) })),
    async stage(events) {
      state.staged.push(...events.map(({ event }) => event));
      return events.length;
    },
  };
  const run = (after: number) => publishHeartbeats(ports, { pubkeys: [pubkey], now: unixSeconds(start + after) });
  return { state, run };
}

test("the first one tells how many of each kind stand, their root, and the logs", async () => {
  const { state, run } = world();
  expect(await run(0)).toEqual({ staged: 1, unchanged: 0, refused: [] });
  expect(state.staged[0]!.tags).toEqual([
    ["d", HEARTBEAT_NAME],
    ["as_of", String(start)],
    ["cnt", "2", "30385"],
    ["set", "2", standingRoot(state.set)],
    ["evidence", "1", "cd".repeat(32)],
    ["predictions", "2", "ef".repeat(32)],
  ]);
});

test("while nothing is said, nothing is read until an hour is over", async () => {
  const { state, run } = world();
  await run(0);
  expect(await run(3_599)).toMatchObject({ staged: 0, unchanged: 1 });
  expect(state.readings).toBe(1);
  expect(await run(3_600)).toMatchObject({ staged: 1 });
});

test("a change is told at once, and one that left the set as it was is not", async () => {
  const { state, run } = world();
  await run(0);
  state.spoke = true;
  expect(await run(60)).toMatchObject({ staged: 0, unchanged: 1 });
  state.set = [row("a")];
  expect(await run(120)).toMatchObject({ staged: 1 });
  expect(tagValue(state.staged[1]!, "set")).toBe("1");
  expect(state.staged[1]!.created_at).toBe(start + 120);
});

test("what is dated ahead of the clock lies before the heartbeat, and what ends within two hours is left out", async () => {
  const { state, run } = world();
  state.set = [row("a", { createdAt: start + 5 }), row("b", { expiresAt: start + 7_205 })];
  await run(0);
  const [event] = state.staged;
  expect([event!.created_at, tagValue(event!, "as_of"), tagValue(event!, "set")]).toEqual([
    start + 5,
    `${start + 5}`,
    "1",
  ]);
});

test("two heartbeats in one second are two, the later one dated after the other", async () => {
  const { state, run } = world();
  await run(0);
  Object.assign(state, { spoke: true, set: [] });
  await run(0);
  expect(state.staged.map(({ created_at }) => created_at)).toEqual([start, start + 1]);
});
