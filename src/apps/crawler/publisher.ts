/** Our voice on Nostr: the keys, what each may sign, and the events that say who they are. */
import { deriveServiceKeys } from "../../adapters/nostr/keys.ts";
import { createSigner } from "../../adapters/nostr/signer.ts";
import type { SignedEvent, UnsignedEvent } from "../../core/nip85/event.ts";
import { identityEvents } from "../../core/nip85/identity.ts";
import { keysInUse, type OracleKey, predecessors } from "../../core/nip85/key-ring.ts";
import { parseSecretKey } from "../../core/nip85/key-text.ts";
import { KEY_ROLES, KINDS_OF } from "../../core/nip85/roles.ts";
import { SCORE_MODEL } from "../../core/score/rank.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type Publisher = {
  /** Each algorithm's own key, and the brand's. */
  pubkeys: { node: string; endpoint: string; operator: string; brand: string };
  /** Those in use, and those that were before. */
  keys: readonly OracleKey[];
  /** What each of them may sign, by public key. */
  kinds: ReadonlyMap<string, readonly number[]>;
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  /** Who we are, as of an instant; published only when it differs from what was said before. */
  identity(createdAt: UnixSeconds): UnsignedEvent[];
};

/** Names of the algorithms' versions, as profiles tell them. */
const ALGORITHMS = { "lightning-node": SCORE_MODEL, "l402-endpoint": "endpoint-1", operator: "operator-1" };

/** Derives the keys and loads the signer. @throws CONFIG_INVALID when the secret is none */
export async function createPublisher(options: {
  secret: string;
  origin: string;
  relays: string[];
}): Promise<Publisher> {
  const derived = deriveServiceKeys(parseSecretKey(options.secret));
  const keys: OracleKey[] = KEY_ROLES.map((role) => ({ role, pubkey: derived[role].pubkey }));
  const signer = await createSigner(Object.values(derived));
  const pubkeys = keysInUse(keys);
  const { origin, relays } = options;
  return {
    pubkeys: {
      node: pubkeys["lightning-node"],
      endpoint: pubkeys["l402-endpoint"],
      operator: pubkeys.operator,
      brand: pubkeys.brand,
    },
    keys,
    kinds: new Map(keys.map(({ pubkey, role }) => [pubkey, KINDS_OF[role]])),
    sign: signer.sign,
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
