/** Feeds made-up credentials to the parser and the verifier, and holds their answers against the reference. */
import { createHash } from "node:crypto";
import { serverHmac } from "../../apps/hmac.ts";
import { errorCode } from "../../core/errors.ts";
import { parseCredential } from "../../core/l402/authorization.ts";
import { servicesCaveat } from "../../core/l402/caveat.ts";
import { mintToken } from "../../core/l402/mint.ts";
import { type KeyRing, keyRingOf, newTokenId } from "../../core/l402/root-key.ts";
import { checkCaveats } from "../../core/l402/terms.ts";
import { type AuthenticToken, authenticateToken } from "../../core/l402/verify.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import type { Macaroon } from "../../core/macaroon/macaroon.ts";
import { unixSeconds } from "../../core/units.ts";
import { type Case, type Meaning, type Minted, makeCase, saysTheSame } from "./credentials.ts";
import { Random } from "./random.ts";
import { chain, decode, hmac } from "./reference.ts";

/** How often each answer was given, and how often each change was part of the input, and of an accepted one. */
export type Tally = {
  answers: Record<string, number>;
  changes: Record<string, { inputs: number; accepted: number }>;
  /** Inputs whose header text was edited, so that only soundness was checked. */
  undecided: number;
  slowestMs: number;
};

const MAX_LINES = 4;
const MAX_LINE_CHARACTERS = 16_384;
/** No header that fits the limits may take longer; far above what one takes on a slow machine. */
const MOST_MS = 100;
const REQUEST = {
  now: unixSeconds(1_800_000_000),
  operation: "resolveIntent",
  path: "/api/intent",
  method: "POST",
  ip: "10.0.0.7",
};

type World = { ring: KeyRing; minted: Minted[]; byIdentifier: Map<string, Minted> };

/** Runs `count` inputs of one seed. @throws with the seed, the number and the text of the first input that fails */
export function fuzzCredentials(count: number, seed: number, progress?: (done: number) => void): Tally {
  const random = new Random(seed);
  const world = mintWorld(random);
  const tally: Tally = { answers: {}, changes: {}, undecided: 0, slowestMs: 0 };
  for (let number = 0; number < count; number++) {
    const made = makeCase(random, world.minted);
    try {
      checkCase(world, made, tally);
    } catch (cause) {
      const input = JSON.stringify(made.lines, (key, value) => (key === "meaning" ? undefined : value));
      throw new Error(`seed ${seed}, input ${number}, ${made.changes.join(" + ")}: ${input.slice(0, 4_000)}`, {
        cause,
      });
    }
    if (progress && (number + 1) % 100_000 === 0) progress(number + 1);
  }
  return tally;
}

/** Tokens of every tier, of the current key, of the one before it, and of one that has left the ring. */
function mintWorld(random: Random): World {
  const keys = [random.bytes(32), random.bytes(32), random.bytes(32)];
  const [current, before, retired] = keys as [Buffer, Buffer, Buffer];
  const ring = keyRingOf(serverHmac, [current, before]);
  const minted = [current, current, before, retired].flatMap((key) =>
    [0, 1, 2, 3, 4].map((tier): Minted => {
      const keyRing = keyRingOf(serverHmac, [key]);
      const preimage = random.bytes(32);
      const tokenId = Buffer.from(newTokenId(keyRing, random.bytes(31)));
      const paymentHash = createHash("sha256").update(preimage).digest();
      const caveats = [servicesCaveat(tier), "satrank_valid_until=1900000000"].slice(0, 1 + random.below(2));
      const parts = decode(Buffer.from(mintToken(serverHmac, keyRing, { paymentHash, tokenId, caveats })));
      if (!parts) throw new Error("the reference does not read what is minted");
      const rootKey = hmac(key, Buffer.concat([Buffer.from("satrank l402 root key"), tokenId]));
      return { rootKey, preimage, parts, tier, live: key !== retired };
    }),
  );
  const byIdentifier = new Map(minted.map((token) => [token.parts.identifier.toString("hex"), token]));
  return { ring, minted, byIdentifier };
}

function checkCase(world: World, made: Case, tally: Tally): void {
  const want = judge(world, made.lines);
  const answer = timed(tally, () => ask(world, made));
  tally.answers[answer.name] = (tally.answers[answer.name] ?? 0) + 1;
  for (const change of new Set(made.changes)) {
    tally.changes[change] ??= { inputs: 0, accepted: 0 };
    const counted = tally.changes[change];
    counted.inputs++;
    if (answer.accepted) counted.accepted++;
  }
  if (want === "unknown") tally.undecided++;
  else if (want !== (answer.accepted !== undefined)) {
    throw new Error(`${answer.name}, where the reference ${want ? "accepts" : "refuses"}`);
  }
  if (answer.accepted) checkSound(world, answer.accepted);
  checkDecoder(made.bytes);
}

type Accepted = { macaroon: Macaroon; preimage: Uint8Array; token: AuthenticToken };

/** What the api would do first with these headers. */
function ask({ ring }: World, { lines }: Case): { name: string; accepted?: Accepted } {
  const found = parseCredential({
    authorization: lines.authorization.map(({ text }) => text),
    grpcMetadataMacaroon: lines.grpcMetadataMacaroon.map(({ text }) => text),
    macaroon: lines.macaroon.map(({ text }) => text),
  });
  if (found.kind !== "credential") return { name: found.kind === "none" ? "no credential" : "unreadable" };
  const result = authenticateToken(serverHmac, ring, found);
  if (!result.ok) return { name: result.reason };
  return { name: "accepted", accepted: { macaroon: found.macaroon, preimage: found.preimage, token: result.token } };
}

/** A pause of the machine is no fault of ours: what seems slow must be slow three times in a row. */
function timed<Value>(tally: Tally, work: () => Value): Value {
  let best = Number.POSITIVE_INFINITY;
  let value!: Value;
  for (let attempt = 0; attempt < 3 && best > MOST_MS; attempt++) {
    const from = performance.now();
    value = work();
    best = Math.min(best, performance.now() - from);
  }
  if (best > MOST_MS) throw new Error(`took ${best.toFixed(0)} ms`);
  tally.slowestMs = Math.max(tally.slowestMs, best);
  return value;
}

/** Whether the headers hold a credential of ours that was paid, from what the generator knows they mean. */
function judge(world: World, lines: Case["lines"]): boolean | "unknown" {
  const channels = [lines.authorization, lines.grpcMetadataMacaroon, lines.macaroon];
  for (const channel of channels) {
    if (channel.length > MAX_LINES || channel.some(({ text }) => text.length > MAX_LINE_CHARACTERS)) return false;
  }
  for (const channel of channels) {
    const meanings = channel.map(({ meaning }) => meaning).filter((meaning) => meaning !== "ignored");
    if (meanings.includes("unknown")) return "unknown";
    if (meanings.length > 0) return judgeMeanings(world, meanings);
  }
  return false;
}

function judgeMeanings(world: World, meanings: Meaning[]): boolean {
  const credentials = meanings.filter((meaning) => typeof meaning !== "string");
  const [first] = credentials;
  if (!first || credentials.length < meanings.length) return false;
  if (!credentials.every((credential) => saysTheSame(credential, first))) return false;
  const parts = decode(first.bytes);
  const minted = world.byIdentifier.get(parts?.identifier.toString("hex") ?? "");
  if (!parts || !minted?.live) return false;
  const caveats = parts.caveats.map(({ id }) => id);
  const inside = caveats.map((id) => id.toString("latin1")).filter((text) => text.startsWith("preimage="));
  const presented = first.preimage?.toString("hex") ?? inside.at(-1)?.slice("preimage=".length).toLowerCase();
  const right = minted.preimage.toString("hex");
  if (presented !== right || inside.some((text) => text.slice("preimage=".length).toLowerCase() !== right))
    return false;
  return chain(minted.rootKey, parts.identifier, caveats).equals(parts.signature);
}

/** What was accepted grew from what was minted, by a chain that holds, and allows no more. */
function checkSound({ byIdentifier }: World, { macaroon, preimage, token }: Accepted): void {
  const minted = byIdentifier.get(Buffer.from(macaroon.identifier).toString("hex"));
  if (!minted?.live) throw new Error("accepted, and never minted under a key of the ring");
  if (!minted.preimage.equals(preimage)) throw new Error("accepted with another preimage");
  const caveats = macaroon.caveats.map(({ id }) => Buffer.from(id));
  if (!chain(minted.rootKey, minted.parts.identifier, caveats).equals(macaroon.signature)) {
    throw new Error("accepted, though the chain does not hold");
  }
  minted.parts.caveats.forEach(({ id }, i) => {
    if (!caveats[i]?.equals(id)) throw new Error("accepted without a caveat it was minted with");
  });
  if (!minted.parts.identifier.subarray(34).equals(token.tokenId)) throw new Error("accepted for another account");
  if (!minted.parts.identifier.subarray(2, 34).equals(token.paymentHash))
    throw new Error("accepted for another payment");
  if (token.tier !== minted.tier) throw new Error("accepted at another tier");
  const budgets = caveats.filter((id) => /^satrank_max_sats=\d/.test(id.toString("latin1"))).length;
  if (checkCaveats(token, REQUEST).ok && token.budgets.length !== budgets) throw new Error("a budget was not seen");
}

/** The decoder by itself, for bytes that header text keeps from it: the same macaroon as the reference, or a refusal by name. */
function checkDecoder(bytes: Buffer): void {
  const want = decode(bytes);
  let read: Macaroon | undefined;
  try {
    read = decodeMacaroon(bytes);
  } catch (error) {
    if (errorCode(error) !== "MACAROON_MALFORMED") throw error;
  }
  if (!want !== !read) throw new Error(`decoder: ${read ? "read" : "refused"}, unlike the reference`);
  if (!want || !read) return;
  const same =
    want.identifier.equals(read.identifier) &&
    want.signature.equals(read.signature) &&
    want.caveats.length === read.caveats.length &&
    want.caveats.every(({ id }, i) => id.equals(read.caveats[i]!.id));
  if (!same) throw new Error("decoder: read otherwise than the reference");
}
