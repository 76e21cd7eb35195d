/** Our voice on Nostr: the keys, what each may sign, and the events that say who they are. */
import type { UnsignedEvent } from "../../core/nip85/event.ts";
import { identityEvents } from "../../core/nip85/identity.ts";
import { keysInUse, predecessors } from "../../core/nip85/key-ring.ts";
import { KINDS_OF } from "../../core/nip85/roles.ts";
import { SCORE_MODEL } from "../../core/score/rank.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type KeySource, type OpenKeys, openKeys } from "../key-source.ts";

export type Publisher = OpenKeys & {
  /** Each algorithm's own key, and the brand's. */
  pubkeys: { node: string; endpoint: string; operator: string; brand: string };
  /** What each of them may sign, by public key. */
  kinds: ReadonlyMap<string, readonly number[]>;
  /** Who we are, as of an instant; published only when it differs from what was said before. */
  identity(createdAt: UnixSeconds): UnsignedEvent[];
};

/** Names of the algorithms' versions, as profiles tell them. */
const ALGORITHMS = { "lightning-node": SCORE_MODEL, "l402-endpoint": "endpoint-1", operator: "operator-1" };

/** Opens the keys. @throws CONFIG_INVALID when they cannot be read */
export async function createPublisher(options: {
  source: KeySource;
  origin: string;
  relays: string[];
  /** Hears, once, that signatures take eight times as long as they should. */
  onFallback: () => void;
}): Promise<Publisher> {
  const opened = await openKeys(options.source, options.onFallback);
  const { keys } = opened;
  const pubkeys = keysInUse(keys);
  const { origin, relays } = options;
  return {
    pubkeys: {
      node: pubkeys["lightning-node"],
      endpoint: pubkeys["l402-endpoint"],
      operator: pubkeys.operator,
      brand: pubkeys.brand,
    },
    ...opened,
    kinds: new Map(keys.map(({ pubkey, role }) => [pubkey, KINDS_OF[role]])),
    identity: (createdAt) =>
      identityEvents({
        pubkeys,
        predecessors: predecessors(keys),
        origin,
        relays,
        algorithms: ALGORITHMS,
        createdAt,
      }),
  };
}
