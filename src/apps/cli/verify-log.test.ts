import { expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import { CHAIN_START, type Link, linkHash } from "../../core/evidence/chain.ts";
import type { Output } from "./terminal.ts";
import { verifyLog } from "./verify-log.ts";

function chain(count: number): Link[] {
  let { hash } = CHAIN_START;
  return Array.from({ length: count }, (_, i) => {
    hash = linkHash(hash, `entry ${i}`);
    return { position: BigInt(i + 1), text: `entry ${i}`, hash };
  });
}

async function verify(links: readonly Link[]) {
  const told: unknown[] = [];
  const output = {
    progress: () => undefined,
    paint: (_: string, text: string) => text,
    result: (value: unknown) => told.push(value),
  };
  const page = async (after: bigint, limit: number) => links.filter(({ position }) => position > after).slice(0, limit);
  const exit = await verifyLog(page, output as unknown as Output).catch(
    (error: { exitCode: number }) => error.exitCode,
  );
  return { exit, told };
}

test("a log of several pages holds, and its head covers all of it", async () => {
  const links = chain(4_001);
  const { exit, told } = await verify(links);
  expect([exit, told]).toEqual([undefined, [{ ok: true, entries: 4_001n, head: toHex(links.at(-1)!.hash) }]]);
  expect((await verify([])).told).toEqual([{ ok: true, entries: 0n, head: "00".repeat(32) }]);
});

test.each([
  {
    name: "a changed entry",
    spoil: (links: Link[]) => links.with(2_500, { ...links[2_500]!, text: "other" }),
    reason: "hash",
  },
  { name: "a missing entry", spoil: (links: Link[]) => links.toSpliced(2_500, 1), reason: "gap" },
])("$name is found, whichever page it is on", async ({ spoil, reason }) => {
  const { exit, told } = await verify(spoil(chain(4_001)));
  expect([exit, told]).toEqual([1, [{ ok: false, position: 2_501n, reason }]]);
});
