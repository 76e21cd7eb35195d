/** Bench: a credential from header text to an authentic token, against a plain `node:crypto` chain and against npm macaroon. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createRequire } from "node:module";
import { serverHmac } from "../../apps/hmac.ts";
import { toBase64, toHex } from "../../core/bytes.ts";
import { parseCredential } from "../../core/l402/authorization.ts";
import { servicesCaveat } from "../../core/l402/caveat.ts";
import { mintToken } from "../../core/l402/mint.ts";
import { deriveRootKey, type KeyRing, keyRingOf, newTokenId, TOKEN_RANDOM_BYTES } from "../../core/l402/root-key.ts";
import { checkCaveats } from "../../core/l402/terms.ts";
import { type AuthenticToken, authenticateToken } from "../../core/l402/verify.ts";
import { unixSeconds } from "../../core/units.ts";
import { ratio, report } from "./report.ts";

const TOKENS = 500;
const ROUNDS = 24;

const { base64ToBytes, importMacaroon } = createRequire(import.meta.url)("macaroon");

/** A token as a client sends it, and its root key for the verifiers that do not derive one. */
type Sample = { line: string; base64: string; preimageHex: string; rootKey: Uint8Array };

/** Prints microseconds per credential, best round of each verifier; rounds alternate, so that all see the same machine. */
export async function benchVerify(): Promise<void> {
  const masterKey = randomBytes(32);
  const keyRing = keyRingOf(serverHmac, [masterKey]);
  const samples = Array.from({ length: TOKENS }, () => sampleOf(keyRing, masterKey));
  const tokens = samples.map(({ line }) => authenticate(keyRing, line));
  const request = {
    now: unixSeconds(1_800_000_000),
    operation: "resolveIntent",
    path: "/api/intent",
    method: "POST",
    ip: "10.0.0.7",
  };
  const plain = plainVerifier(masterKey);
  const best = alternate({
    plain: () => samples.every((sample) => plain(sample)),
    ours: () => samples.every(({ line }) => authenticate(keyRing, line)),
    library: () => samples.every(libraryVerifies),
    check: () => tokens.every((token) => checkCaveats(token, request).ok),
  });
  report("one credential of three caveats, from its text", [
    { name: "node:crypto createHmac chain (baseline)", value: us(best.plain) },
    { name: "parse and authenticate", value: us(best.ours), note: `${ratio(best.ours, best.plain)} of baseline` },
    {
      name: "npm macaroon 3.0.4, root key given, preimage unchecked",
      value: us(best.library),
      note: `${ratio(best.library, best.ours)} times ours`,
    },
    { name: "caveats of an authentic token, once more", value: us(best.check) },
  ]);
}

function sampleOf(keyRing: KeyRing, masterKey: Uint8Array): Sample {
  const preimage = randomBytes(32);
  const tokenId = newTokenId(keyRing, randomBytes(TOKEN_RANDOM_BYTES));
  const paymentHash = createHash("sha256").update(preimage).digest();
  const caveats = [servicesCaveat(2), "satrank_capabilities=resolveIntent,getNode", "satrank_valid_until=1900000000"];
  const base64 = toBase64(mintToken(serverHmac, keyRing, { paymentHash, tokenId, caveats }));
  const preimageHex = toHex(preimage);
  const rootKey = deriveRootKey(serverHmac, masterKey, tokenId);
  return { line: `L402 ${base64}:${preimageHex}`, base64, preimageHex, rootKey };
}

function authenticate(keyRing: KeyRing, line: string): AuthenticToken {
  const found = parseCredential({ authorization: [line], grpcMetadataMacaroon: [], macaroon: [] });
  if (found.kind !== "credential") throw new Error("the credential of the bench is not read");
  const result = authenticateToken(serverHmac, keyRing, found);
  if (!result.ok) throw new Error(`the credential of the bench is ${result.reason}`);
  return result.token;
}

/** The same HMACs and the same hash on Buffers, by the shortest code that does them. It checks no bounds and no caveats. */
function plainVerifier(masterKey: Uint8Array): (sample: Sample) => boolean {
  const hmac = (key: Uint8Array | string, message: Uint8Array) => createHmac("sha256", key).update(message).digest();
  const label = Buffer.from("satrank l402 root key");
  return ({ line }) => {
    const [, base64 = "", preimageHex = ""] = /^L402 ([^:]+):([0-9a-f]{64})$/.exec(line) ?? [];
    const { identifier, caveats, signature } = readFields(Buffer.from(base64, "base64"));
    const rootKey = hmac(masterKey, Buffer.concat([label, identifier.subarray(34)]));
    let chained = hmac(hmac("macaroons-key-generator", rootKey), identifier);
    for (const caveat of caveats) chained = hmac(chained, caveat);
    const paid = createHash("sha256").update(Buffer.from(preimageHex, "hex")).digest();
    return timingSafeEqual(chained, signature) && timingSafeEqual(paid, identifier.subarray(2, 34));
  };
}

function readFields(bytes: Buffer): { identifier: Buffer; caveats: Buffer[]; signature: Buffer } {
  const fields: Buffer[] = [];
  for (let at = 1; at < bytes.length; ) {
    if (bytes[at++] === 0) continue;
    const length = bytes[at++]!;
    fields.push(bytes.subarray(at, at + length));
    at += length;
  }
  return { identifier: fields[1]!, caveats: fields.slice(2, -1), signature: fields.at(-1)! };
}

function libraryVerifies({ base64, rootKey }: Sample): boolean {
  importMacaroon(base64ToBytes(base64)).verify(rootKey, () => null, []);
  return true;
}

/** Microseconds per sample, the best of several rounds. */
function alternate<Name extends string>(verifiers: Record<Name, () => unknown>): Record<Name, number> {
  const best = Object.fromEntries(Object.keys(verifiers).map((name) => [name, Number.POSITIVE_INFINITY]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, verify] of Object.entries<() => unknown>(verifiers)) {
      const from = performance.now();
      if (!verify()) throw new Error(`${name}: a good credential did not hold`);
      best[name] = Math.min(best[name]!, (1_000 * (performance.now() - from)) / TOKENS);
    }
  }
  return best as Record<Name, number>;
}

function us(value: number): string {
  return `${value.toPrecision(3)} us`;
}
