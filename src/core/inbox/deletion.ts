/** What a deletion takes back. Source: NIP-09: only the author's own, by id, or by address up to the second of the deletion. */
import { isHex, type SignedEvent } from "../nip85/event.ts";
import { FOREIGN_KIND, KIND } from "../nip85/kinds.ts";
import { type UnixSeconds, unixSeconds } from "../units.ts";

export type Deletion = {
  readonly author: string;
  readonly at: UnixSeconds;
  readonly eventIds: readonly string[];
  /** Nodes whose announcement by this author is taken back, by its address. */
  readonly nodeKeys: readonly string[];
};

const MOST_TARGETS = 500;

export function readDeletion(event: SignedEvent): Deletion | undefined {
  if (event.kind !== KIND.deletion) return undefined;
  const values = (name: string) =>
    event.tags
      .filter(([tag]) => tag === name)
      .slice(0, MOST_TARGETS)
      .flatMap(([, value]) => value ?? []);
  return {
    author: event.pubkey,
    at: unixSeconds(event.created_at),
    eventIds: values("e").filter((id) => isHex(id, 64)),
    nodeKeys: values("a").flatMap((address) => {
      const announced = `${FOREIGN_KIND.nodeAnnouncement}:${event.pubkey}:`;
      return address.startsWith(announced) ? address.slice(announced.length) : [];
    }),
  };
}
