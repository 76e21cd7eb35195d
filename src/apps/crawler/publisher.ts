/** Our voice on Nostr: the service keys, and the events that say who they are. */
import { deriveServiceKey } from "../../adapters/nostr/keys.ts";
import { createSigner } from "../../adapters/nostr/signer.ts";
import type { UnsignedEvent } from "../../core/nip85/event.ts";
import { parseSecretKey } from "../../core/nip85/key-text.ts";
import { brandProfile, relayList, type ServiceProfile, serviceProfile } from "../../core/nip85/profile.ts";
import { SCORE_MODEL } from "../../core/score/rank.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type Publisher = Awaited<ReturnType<typeof createPublisher>>;

/** Derives the keys and loads the signer. @throws CONFIG_INVALID when the secret is none */
export async function createPublisher(options: { secret: string; origin: string; relays: string[] }) {
  const secret = parseSecretKey(options.secret);
  const node = deriveServiceKey(secret, "lightning-node");
  const endpoint = deriveServiceKey(secret, "l402-endpoint");
  const operator = deriveServiceKey(secret, "operator");
  const brand = deriveServiceKey(secret, "brand");
  const signer = await createSigner([node, endpoint, operator, brand]);
  const { origin, relays } = options;
  return {
    /** Each algorithm's own key. */
    pubkeys: { node: node.pubkey, endpoint: endpoint.pubkey, operator: operator.pubkey, brand: brand.pubkey },
    sign: signer.sign,
    /** Who we are, as of an instant, and what we predicted; published only when it differs from what was said before. */
    identity(createdAt: UnixSeconds, predictions: ServiceProfile["predictions"]): UnsignedEvent[] {
      const service = {
        pubkey: node.pubkey,
        brandPubkey: brand.pubkey,
        origin,
        name: "SatRank: Lightning nodes",
        subject: "How likely a payment reaches a Lightning node, 0-100.",
        algorithm: SCORE_MODEL,
        ...(predictions && { predictions }),
        createdAt,
      };
      const about = "A Lightning trust oracle that is paid over Lightning.";
      return [
        serviceProfile(service),
        brandProfile({ pubkey: brand.pubkey, origin, name: "SatRank", about, createdAt }),
        relayList({ pubkey: node.pubkey, relays, createdAt }),
        relayList({ pubkey: brand.pubkey, relays, createdAt }),
      ];
    },
  };
}
