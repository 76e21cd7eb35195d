/** A delivering process is killed at each step of a batch, and while events are under way: nothing is lost, and nothing that arrived is sent again. */
import { spawn } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { compiled } from "./compiled.ts";
import { openTestDatabase, type TestDatabase } from "./database.ts";
import { deliver } from "./deliver.ts";
import { nodeKey, relayWorld } from "./relay-world.ts";
import { type StrictRelay, startStrictRelay } from "./strict-relay.ts";

const now = 1_790_000_000;
const LEASE_SEC = 300;
const DELIVERER = compiled(new URL("relay-deliverer.ts", import.meta.url));
let database: TestDatabase;
let relay: StrictRelay;
let world: Awaited<ReturnType<typeof relayWorld>>;
beforeAll(async () => {
  database = await openTestDatabase();
  world = await relayWorld(database, now);
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE outbox_event, relay_ack, relay_pause, relay_state");
  relay = await startStrictRelay(() => now);
  await world.stage([world.profile(nodeKey.pubkey)], 0);
  await world.stage(["https://a.example/", "https://b.example/", "https://c.example/"].map((d) => world.assertion(d)));
});
afterEach(async () => {
  world.close();
  await relay.stop();
});
afterAll(() => database.close());

function start(dieAt: number) {
  const child = spawn(process.execPath, [DELIVERER, database.url, relay.url, String(now), String(dieAt)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const ended = new Promise<{ signal: NodeJS.Signals | null; printed: string }>((resolve) => {
    child.once("close", (_code, signal) => resolve({ signal, printed }));
  });
  return { child, ended };
}

/** Another process comes, when the lease of the dead one is over. */
async function expectAllThere(): Promise<void> {
  const connection = world.connect(relay.url);
  for (const at of [now + LEASE_SEC, now + 2 * LEASE_SEC])
    await deliver(database.pool, connection, { relay: relay.url, at });
  expect(await world.states(relay.url)).toEqual({ confirmed: 4 });
  expect(world.textsOf(relay.held.values())).toEqual(await world.current());
  expect(relay.received.sort()).toEqual(await world.current());
}

/** As many as the last test of this file finds in a batch. */
const STEPS = 18;

test.each(Array.from({ length: STEPS }, (_, step) => ({ step })))("killed at step $step", async ({ step }) => {
  const { ended } = start(step);
  expect((await ended).signal).toBe("SIGKILL");
  await expectAllThere();
});

test("killed while events are under way", async () => {
  const { child, ended } = start(Infinity);
  let seen = 0;
  relay.behave = {
    event: () => {
      if (++seen === 2) child.kill("SIGKILL");
      return true;
    },
  };
  expect((await ended).signal).toBe("SIGKILL");
  relay.behave = {};
  await expectAllThere();
});

test("there are no more steps than were tried", async () => {
  const { ended } = start(Infinity);
  expect(await ended).toEqual({ signal: null, printed: `${STEPS}\n` });
});
