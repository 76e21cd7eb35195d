/** Our voice on Nostr: the keys, what each may sign, and the events that say who they are. */
import type { UnsignedEvent } from "../../core/nip85/event.ts";
import { identityEvents } from "../../core/nip85/identity.ts";
import { keysInUse } from "../../core/nip85/key-ring.ts";
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

/** Public origin of the oracle, without a slash at its end, and the relays that are published to beside our own. */
type Voice = { origin: string; relays: readonly string[] };

/** Names of the algorithms' versions, as profiles tell them. */
const ALGORITHMS = { "lightning-node": SCORE_MODEL, "l402-endpoint": "endpoint-1", operator: "operator-1" };

/** Opens the keys. @throws CONFIG_INVALID when they cannot be read */
export async function createPublisher(
  options: Voice & {
    source: KeySource;
    /** Hears, once, that signatures take eight times as long as they should. */
    onFallback: () => void;
  },
): Promise<Publisher> {
  return publisherOf(await openKeys(options.source, options.onFallback), options);
}

/** The voice of keys that are open. @throws CONFIG_INVALID where a role has none in use */
export function publisherOf(opened: OpenKeys, { origin, relays }: Voice): Publisher {
  const { keys } = opened;
  const pubkeys = keysInUse(keys);
  return {
    ...opened,
    pubkeys: {
      node: pubkeys["lightning-node"],
      endpoint: pubkeys["l402-endpoint"],
      operator: pubkeys.operator,
      brand: pubkeys.brand,
    },
    kinds: new Map(keys.map(({ pubkey, role }) => [pubkey, KINDS_OF[role]])),
    identity: (createdAt) => identityEvents({ pubkeys, keys, origin, relays, algorithms: ALGORITHMS, createdAt }),
  };
}
