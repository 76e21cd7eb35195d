/** What a key says of itself is signed when it has changed, and only then. */
import { expect, test } from "vitest";
import { contentHash } from "../../core/nip85/content-hash.ts";
import { addressOf, type SignedEvent } from "../../core/nip85/event.ts";
import type { PublishedVersion } from "../../core/nip85/republish.ts";
import { unixSeconds } from "../../core/units.ts";
import { type PublishIdentityPorts, publishIdentity } from "./publish-identity.ts";

const now = unixSeconds(1_790_000_000);
const pubkey = "ab".repeat(32);
const kinds = new Map([[pubkey, [0, 10_002]]]);

function world() {
  const published = new Map<string, PublishedVersion>();
  const staged: SignedEvent[] = [];
  const ports: PublishIdentityPorts = {
    async findPublished(key, addresses) {
      const found = addresses.flatMap((d) => {
        const version = published.get(`${key.kind}:${d}`);
        return version ? [[d, version] as const] : [];
      });
      return new Map(found);
    },
    sign: async (events) => events.map((event) => ({ ...event, id: "00".repeat(32), sig: "00".repeat(64) })),
    async stage(events) {
      for (const { event } of events) {
        staged.push(event);
        published.set(`${event.kind}:${addressOf(event)}`, { event, contentHash: contentHash(event) });
      }
      return events.length;
    },
  };
  return { ports, staged };
}

const profile = (about: string, kind = 0) => {
  return { pubkey, created_at: now, kind, tags: [], content: JSON.stringify({ name: "Oracle", about }) };
};

test("a profile is published when it changes, and only then", async () => {
  const { ports, staged } = world();
  const publish = (about: string) => publishIdentity(ports, { events: [profile(about)], kinds, now });
  expect(await publish("one")).toMatchObject({ staged: 1, unchanged: 0 });
  expect(await publish("one")).toMatchObject({ staged: 0, unchanged: 1 });
  expect(await publish("two")).toMatchObject({ staged: 1, unchanged: 0 });
  expect(staged.map(({ created_at }) => created_at)).toEqual([now, now + 1]);
  expect(await publish("\u007f")).toMatchObject({ staged: 0, refused: [{ kind: 0, faults: [{ rule: 8 }] }] });
});

test("a key signs nothing that it is not for, and one that is not ours nothing at all", async () => {
  const { ports, staged } = world();
  const foreign = { ...profile("x"), pubkey: "cd".repeat(32) };
  const report = await publishIdentity(ports, { events: [profile("x", 31_990), foreign], kinds, now });
  expect(report).toMatchObject({ staged: 0, refused: [{ kind: 31_990 }, { kind: 0, faults: [{ rule: 1 }] }] });
  expect(staged).toEqual([]);
});
