/** One relay hangs in the middle of its delivery: the other relays and the other jobs do not notice. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Jobs, startJobs } from "../../adapters/postgres/jobs.ts";
import { relayStateTable } from "../../adapters/postgres/relay-state.ts";
import type { RelayAnswer } from "../../core/nip85/relay-answer.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { relayWorld } from "../../testing/relay-world.ts";
import { type StrictRelay, startStrictRelay } from "../../testing/strict-relay.ts";
import { now } from "../clock.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { deliverEventsJob } from "./jobs/deliver-events.ts";
import { relayPorts } from "./relay-ports.ts";
import { relayWork } from "./relay-work.ts";

const events = createEvents(createLog({ level: "silent", name: "test" }));
const stopping = new AbortController();
let database: TestDatabase;
let relays: StrictRelay[];
let jobs: Jobs | undefined;
beforeAll(async () => {
  database = await openTestDatabase();
  relays = [await startStrictRelay(now), await startStrictRelay(now)];
});
afterAll(async () => {
  stopping.abort();
  await jobs?.stop();
  for (const relay of relays) await relay.stop();
  await database.close();
});

test("a delivery that never ends delays no other relay and no other job", async () => {
  const [good, bad] = relays as [StrictRelay, StrictRelay];
  const world = await relayWorld(database, now());
  const staged = await world.stage([world.assertion("https://a.example/"), world.assertion("https://b.example/")]);
  const deps = { database: database.pool, sign: world.sign, events, signal: stopping.signal };

  const task = { role: "full" as const, top: 0 };
  const work = await relayWork({ ...deps, plan: [{ relay: good.url, role: "full" }], top: 0 });
  await relayStateTable(database.pool).plan(
    [good, bad].map(({ url }) => ({ relay: url, role: "full" })),
    now(),
  );
  let hangs = false;
  let release: (answers: RelayAnswer[]) => void = () => undefined;
  const publish = () => {
    hangs = true;
    return new Promise<RelayAnswer[]>((resolve) => {
      release = resolve;
    });
  };
  const ports = { ...relayPorts({ ...deps, relay: bad.url }), publish };
  const hanging = deliverEventsJob({ ...deps, ports, relay: bad.url, task });
  let rated = 0;
  const rating = {
    name: "rating",
    everySec: 1,
    timeoutSec: 60,
    async run() {
      rated++;
      return {};
    },
  };
  const done: string[] = [];
  jobs = await startJobs(
    database.url,
    { jobs: [hanging, rating, ...work.jobs], queues: [] },
    { onDone: (job) => void done.push(job), onFailed: () => undefined },
  );
  await expect.poll(() => hangs).toBe(true);
  const before = rated;
  await expect.poll(() => good.held.size).toBe(staged.length);
  await expect.poll(() => rated).toBeGreaterThan(before + 1);
  expect(done).not.toContain(hanging.name);
  expect(bad.received).toEqual([]);
  release(staged.map(() => ({ outcome: "retry", text: "" })));
  await expect.poll(() => done).toContain(hanging.name);
  const standing = await relayStateTable(database.pool).standing(now());
  expect(standing.map(({ relay, confirmed, waiting }) => [relay, confirmed, waiting]).sort()).toEqual(
    [
      [good.url, 2, 0],
      [bad.url, 0, 2],
    ].sort(),
  );
  work.close();
  ports.close();
});
