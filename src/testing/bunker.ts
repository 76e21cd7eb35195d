/** A remote signer (NIP-46) by another make than ours: rust-nostr decrypts, signs and encrypts. It can be told to misbehave. */
import {
  Keys,
  loadWasmSync,
  NIP44Version,
  nip44Decrypt,
  nip44Encrypt,
  PublicKey,
  UnsignedEvent as RustUnsignedEvent,
} from "@rust-nostr/nostr-sdk";
import { WebSocket } from "ws";
import type { ServiceKey } from "../adapters/nostr/keys.ts";
import { toHex } from "../core/bytes.ts";

export type Request = { id: string; method: string; params: string[] };
/** An answer, or undefined for silence. */
type Answer = { result?: string; error?: string } | undefined;

export type FakeBunker = {
  /** What was asked for, in order. */
  requests: Request[];
  close(): void;
};

export type BunkerOptions = {
  relay: string;
  /** The signer's own key, and the one it signs with. */
  signer: ServiceKey;
  user: ServiceKey;
  secret?: string;
  /** Answers instead of the honest signer; undefined is silence. */
  misbehave?(request: Request, honest: () => Answer): Answer;
};

/** Connects to the relay and answers whoever introduces itself with the secret. */
export async function startFakeBunker(options: BunkerOptions): Promise<FakeBunker> {
  loadWasmSync();
  const { relay, signer, user, secret = "", misbehave } = options;
  const own = Keys.parse(toHex(signer.secretKey));
  const userKeys = Keys.parse(toHex(user.secretKey));
  const requests: Request[] = [];
  const known = new Set<string>();
  let spent = false;

  const honest = ({ method, params }: Request, client: string): Answer => {
    if (method === "connect") {
      // As NIP-46 asks: a secret is good for one introduction.
      if (params[1] !== secret || spent) return { error: `invalid secret ${params[1]}` };
      spent = true;
      known.add(client);
      return { result: "ack" };
    }
    if (!known.has(client)) return { error: "unauthorized" };
    if (method === "get_public_key") return { result: user.pubkey };
    if (method !== "sign_event") return { error: "unknown method" };
    return { result: RustUnsignedEvent.fromJson(params[0]!).signWithKeys(userKeys).asJson() };
  };
  const socket = new WebSocket(relay);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("open", () => socket.send(JSON.stringify(["REQ", "b", { kinds: [24_133], "#p": [signer.pubkey] }])));
    socket.on("message", (data) => {
      const [type, , event] = JSON.parse(String(data));
      if (type === "EOSE") resolve();
      if (type !== "EVENT") return;
      const client = PublicKey.parse(event.pubkey);
      const request = JSON.parse(nip44Decrypt(own.secretKey, client, event.content)) as Request;
      requests.push(request);
      const answer = misbehave
        ? misbehave(request, () => honest(request, event.pubkey))
        : honest(request, event.pubkey);
      if (!answer) return;
      const text = JSON.stringify({ id: request.id, result: "", ...answer });
      const reply = {
        pubkey: signer.pubkey,
        created_at: Math.floor(Date.now() / 1000),
        kind: 24_133,
        tags: [["p", event.pubkey]],
        content: nip44Encrypt(own.secretKey, client, text, NIP44Version.V2),
      };
      const signed = RustUnsignedEvent.fromJson(JSON.stringify(reply)).signWithKeys(own).asJson();
      socket.send(`["EVENT",${signed}]`);
    });
  });
  return { requests, close: () => socket.terminate() };
}
