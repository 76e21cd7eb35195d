/** That mined work is what NIP-13 asks for, ends in time, and lets other work run. */
import { expect, test } from "vitest";
import { eventId } from "../../core/nip85/event.ts";
import { leadingZeroBits } from "../../core/nip85/relay-info.ts";
import { mine } from "./mine.ts";

const signal = new AbortController().signal;
const event = {
  pubkey: "ab".repeat(32),
  created_at: 1_790_000_000,
  kind: 0,
  tags: [
    ["r", 'a "quoted" \\ ä😀 tag'],
    ["nonce", "7", "3"],
  ],
  content: '{"name":"nonce","x":["nonce",""]}',
};

test("the id has the bits, the nonce commits to them, and an older nonce is gone", async () => {
  const mined = await mine(event, 12, signal);
  expect(leadingZeroBits(eventId(mined!))).toBeGreaterThanOrEqual(12);
  const nonce = expect.stringMatching(/^\d+$/);
  expect(mined).toEqual({ ...event, tags: [event.tags[0], ["nonce", nonce, "12"]] });
});

test("an event without tags can be mined", async () => {
  const mined = await mine({ ...event, tags: [] }, 8, signal);
  expect(leadingZeroBits(eventId(mined!))).toBeGreaterThanOrEqual(8);
});

test("what takes too long is given up, at once when it is stopped, and other work runs meanwhile", async () => {
  let others = 0;
  const other = setInterval(() => others++, 1);
  expect(await mine(event, 200, signal, 100)).toBeUndefined();
  clearInterval(other);
  expect(others).toBeGreaterThan(0);
  expect(await mine(event, 200, AbortSignal.abort())).toBeUndefined();
});
