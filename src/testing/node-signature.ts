/** A Lightning node that signs messages, for tests: written apart from the code that reads them. */
import { createHash } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { finalizeEvent, getPublicKey } from "nostr-tools/pure";
import type { SignedEvent } from "../core/nip85/event.ts";

const ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769";

/** The compressed key of a node, 66 hex digits. */
export function nodeKeyOf(nodeSecret: Uint8Array): string {
  return Buffer.from(secp256k1.getPublicKey(nodeSecret, true)).toString("hex");
}

/** As LND's `SignMessage` does it. */
export function signAsNode(message: string, nodeSecret: Uint8Array): string {
  const once = createHash("sha256").update(`Lightning Signed Message:${message}`).digest();
  const digest = createHash("sha256").update(once).digest();
  const recovered = secp256k1.sign(digest, nodeSecret, { prehash: false, format: "recovered" });
  return toZbase32(Buffer.from([31 + recovered[0]!, ...recovered.subarray(1)]));
}

function toZbase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => ALPHABET[Number.parseInt(group.padEnd(5, "0"), 2)]).join("");
}

type AnnouncementDraft = {
  nodeSecret: Uint8Array;
  secret: Uint8Array;
  at: number;
  content?: string;
  extraTags?: string[][];
  tagsBeforeSignature?: string[][];
  signed?: (unsignedId: string) => string;
};

/** A CLIP announcement (kind 38171, `k` 0), signed by both keys; `signed` stands in for the node. */
export function announceNode(draft: AnnouncementDraft): SignedEvent {
  const { nodeSecret, secret, at, content = "{}", extraTags = [], signed } = draft;
  const tags = draft.tagsBeforeSignature ?? [["d", nodeKeyOf(nodeSecret)], ["k", "0"], ...extraTags];
  const unsigned = [0, getPublicKey(secret), at, 38_171, tags, content];
  const id = createHash("sha256").update(JSON.stringify(unsigned)).digest("hex");
  const sig = signed ? signed(id) : signAsNode(id, nodeSecret);
  const event = finalizeEvent({ kind: 38_171, created_at: at, tags: [...tags, ["sig", sig]], content }, secret);
  return JSON.parse(JSON.stringify(event));
}
