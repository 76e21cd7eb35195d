/** When another version is signed for a relay, and when a relay asks too much. */
import { expect, test } from "vitest";
import { encodeEvent, type SignedEvent } from "../../core/nip85/event.ts";
import { unixSeconds } from "../../core/units.ts";
import { signAgain } from "./sign-again.ts";

const now = unixSeconds(1_790_000_000);
const signal = new AbortController().signal;
const profile: SignedEvent = {
  id: "ab".repeat(32),
  pubkey: "cd".repeat(32),
  created_at: now - 10,
  kind: 0,
  tags: [["t", "x"]],
  content: "{}",
  sig: "00".repeat(64),
};

type Case = { event?: SignedEvent; bits?: number; signedAgain?: number; mines?: boolean };

async function again({ event = profile, bits = 0, signedAgain = 0, mines = true }: Case) {
  const done: string[] = [];
  let staged: SignedEvent | undefined;
  const ports = {
    async countSigning() {
      done.push("count");
    },
    async mine<Draft extends object>(draft: Draft) {
      done.push("mine");
      return mines ? draft : undefined;
    },
    async sign(drafts: readonly object[]) {
      done.push("sign");
      return drafts.map((draft) => ({ ...draft, id: "ef".repeat(32), sig: "11".repeat(64) }) as SignedEvent);
    },
    async stage([first]: readonly { event: SignedEvent; subject: string; priority: number }[]) {
      done.push(`stage ${first!.subject} ${first!.priority}`);
      staged = first!.event;
      return 1;
    },
  };
  const published = { id: event.id, json: encodeEvent(event), subject: "who", priority: 0, signedAgain };
  const signed = await signAgain(ports, "ws://relay", published, { bits, now, signal });
  return { signed, done, staged };
}

test("a newer version says the same, and is counted before it is made", async () => {
  const { signed, done, staged } = await again({});
  expect([signed, done]).toEqual([true, ["count", "sign", "stage who 0"]]);
  expect(staged).toMatchObject({ created_at: now, kind: 0, tags: profile.tags, content: "{}" });
});

test("it is newer than what was published, also when the clock is a little behind, and none when it is far behind", async () => {
  expect((await again({ event: { ...profile, created_at: now + 5 } })).staged?.created_at).toBe(now + 6);
  expect(await again({ event: { ...profile, created_at: now + 100 } })).toMatchObject({ signed: false, done: [] });
});

test.each<{ name: string; what: Case; done: string[] }>([
  { name: "asks a third time", what: { signedAgain: 2 }, done: [] },
  { name: "wants more work than we do", what: { bits: 21 }, done: [] },
  { name: "does not say how much", what: { bits: Infinity }, done: [] },
  { name: "wants work for an assertion", what: { bits: 8, event: { ...profile, kind: 30_385 } }, done: [] },
  { name: "wants work that takes too long", what: { bits: 20, mines: false }, done: ["count", "mine"] },
])("a relay that $name gets none", async ({ what, done }) => {
  expect(await again(what)).toEqual({ signed: false, done, staged: undefined });
});
