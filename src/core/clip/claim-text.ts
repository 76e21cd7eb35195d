/**
 * The text that a node signs to be claimed by a Nostr key: nothing has to be kept before it is shown. It names who asks, the key, the
 * node and the day, so it is of no use to anybody else, nor anywhere else.
 */
import { npub } from "../nip85/key-text.ts";
import { type UnixSeconds, unixSeconds } from "../units.ts";
import { NODE_SIGNATURE_CHARACTERS, nodeThatSigned } from "./node-signature.ts";

const DAY_SEC = 86_400;

/** `origin` is the one that clients reach, `pubkey` 64 and `nodeKey` 66 lower-case hex digits. */
export type NodeClaimText = { origin: string; pubkey: string; nodeKey: string };

/** The text of the day (UTC) that begins at an instant. */
export function claimText({ origin, pubkey, nodeKey }: NodeClaimText, day: UnixSeconds): string {
  const date = new Date(day * 1_000).toISOString().slice(0, 10);
  return `${origin} on ${date}: Lightning node ${nodeKey} is run by ${npub(pubkey)}`;
}

/** The first second of the day (UTC) that an instant is in. */
export function dayOf(at: UnixSeconds): UnixSeconds {
  return unixSeconds(at - (at % DAY_SEC));
}

/** The day whose text the node signed, of today and yesterday; undefined when it signed neither. */
export function signedDay(claim: NodeClaimText, signature: string, now: UnixSeconds): UnixSeconds | undefined {
  if (signature.length !== NODE_SIGNATURE_CHARACTERS) return undefined;
  const today = dayOf(now);
  const days = [today, unixSeconds(Math.max(0, today - DAY_SEC))];
  return days.find((day) => nodeThatSigned(claimText(claim, day), signature) === claim.nodeKey);
}
