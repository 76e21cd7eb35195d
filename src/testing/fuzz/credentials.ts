/**
 * Makes credentials and near misses: a valid one, then changes to its macaroon, its bytes, its preimage and its text.
 *
 * Each change keeps account of what it does, so that the fuzzer knows what every header line means without parsing it.
 */
import type { CredentialHeaders } from "../../core/l402/authorization.ts";
import type { Random } from "./random.ts";
import {
  chain,
  chainThirdParty,
  encodeBinary,
  encodeJson,
  encodePackets,
  hmac,
  MOST_BYTES,
  MOST_CAVEATS,
  type Parts,
} from "./reference.ts";

/** A token as it was sold. */
export type Minted = {
  rootKey: Buffer;
  preimage: Buffer;
  parts: Parts;
  tier: number;
  /** Whether the key it was minted under is in the ring. */
  live: boolean;
};

/**
 * What one header line says: something of another scheme, nothing readable, nobody knows what, or a credential. Without
 * a preimage beside it, the macaroon must hold one.
 */
export type Meaning = "ignored" | "broken" | "unknown" | { bytes: Buffer; preimage?: Buffer };

type Channel = keyof CredentialHeaders;
type Line = { text: string; meaning: Meaning };

/** Headers, what each of their lines means, and the names of what was done to get there. */
export type Case = { lines: Record<Channel, Line[]>; changes: string[]; bytes: Buffer };

const OWN_CAVEATS = [
  "satrank_capabilities=resolveIntent",
  "satrank_valid_until=1900000000",
  "satrank_valid_until=1",
  "satrank_method=POST",
  "satrank_route=/api/intent",
  "satrank_ip=10.0.0.7",
  "satrank_max_sats=100",
  "satrank_max_sats=7",
  "satrank_max_sats=99999999999999999999",
  "satrank_unknown=1",
  "services=satrank:0",
  "services=satrank:4",
  "services=other:0",
  "nonce=1",
  "RequestPath = /x",
  "caf\u00e9=\u{1f511}",
  "",
];

/** One change of a macaroon in place. The last ones cannot leave it valid. */
const MACAROON_CHANGES: Record<string, (random: Random, parts: Parts, minted: readonly Minted[]) => void> = {
  "caveat appended": (random, parts) => append(parts, Buffer.from(random.pick(OWN_CAVEATS))),
  "caveats appended": (random, parts) => {
    for (let i = random.below(6); i >= 0; i--) append(parts, Buffer.from(random.pick(OWN_CAVEATS)));
  },
  "random caveat appended": (random, parts) => append(parts, random.bytes(random.below(40))),
  "filled with caveats": (random, parts) => {
    const count = MOST_CAVEATS - 1 + random.below(4);
    while (parts.caveats.length < count) append(parts, Buffer.from(`n=${parts.caveats.length}`));
  },
  "filled to the longest": (random, parts) => {
    // A caveat takes four bytes besides its text: the macaroon ends a little below, at or above the limit.
    const room = MOST_BYTES - encodeBinary(parts).length - 4;
    append(parts, Buffer.alloc(Math.max(0, room + random.below(6) - 3), 0x61));
  },
  "location changed": (random, parts) => {
    if (random.oneIn(2)) delete parts.location;
    else parts.location = random.oneIn(2) ? Buffer.from("elsewhere \u00e9") : random.bytes(5);
  },
  "caveat removed": (random, parts) => void parts.caveats.splice(random.below(parts.caveats.length + 1), 1),
  "all caveats removed": (_random, parts) => void parts.caveats.splice(0),
  "caveats reordered": (_random, parts) => void parts.caveats.reverse(),
  "caveat duplicated": (random, parts) => {
    if (parts.caveats.length > 0) parts.caveats.push(random.pick(parts.caveats));
  },
  "caveat replaced": (random, parts) => {
    if (parts.caveats.length > 0)
      parts.caveats[random.below(parts.caveats.length)] = { id: Buffer.from("services=satrank:4") };
  },
  "caveat added without signing": (random, parts) =>
    void parts.caveats.push({ id: Buffer.from(random.pick(OWN_CAVEATS)) }),
  "third-party caveat": (random, parts) => {
    const [id, vid] = [Buffer.from("ask there"), random.bytes(72)];
    parts.caveats.push({ id, vid });
    parts.signature = chainThirdParty(parts.signature, id, vid);
  },
  "signature replaced": (random, parts) => {
    parts.signature = random.oneIn(2) ? Buffer.alloc(32) : random.bytes(random.pick([0, 16, 31, 32, 32, 33, 64]));
  },
  "signature of another token": (random, parts, minted) => {
    parts.signature = random.pick(minted).parts.signature;
  },
  "identifier of another token": (random, parts, minted) => {
    parts.identifier = random.pick(minted).parts.identifier;
  },
  "identifier changed": (random, parts) => {
    const length = random.pick([0, 4, 65, 66, 66, 67, 132]);
    parts.identifier = Buffer.concat([parts.identifier, random.bytes(132)]).subarray(0, length);
    if (random.oneIn(2) && length > 1)
      parts.identifier = Buffer.concat([Buffer.from([0, random.below(3)]), parts.identifier.subarray(2)]);
  },
  "signed from the identifier alone": (random, parts) => {
    parts.signature = chain(
      random.bytes(32),
      parts.identifier,
      parts.caveats.map(({ id }) => id),
    );
  },
};

function append(parts: Parts, id: Buffer): void {
  parts.caveats.push({ id });
  parts.signature = hmac(parts.signature, id);
}

/** One change of serialized bytes. */
const BYTE_CHANGES: Record<string, (random: Random, bytes: Buffer) => Buffer> = {
  "bit flipped": (random, bytes) => {
    const at = random.below(bytes.length);
    bytes[at]! ^= 1 << random.below(8);
    return bytes;
  },
  "byte set": (random, bytes) => {
    bytes[random.below(bytes.length)] = random.pick([0, 1, 2, 4, 6, 0x20, 0x7b, 0x7f, 0x80, 0xff]);
    return bytes;
  },
  truncated: (random, bytes) => bytes.subarray(0, random.below(bytes.length)),
  "bytes after it": (random, bytes) => Buffer.concat([bytes, random.bytes(1 + random.below(4))]),
  "bytes inserted": (random, bytes) => splice(random, bytes, random.bytes(1 + random.below(6)), 0),
  "bytes deleted": (random, bytes) => splice(random, bytes, Buffer.alloc(0), 1 + random.below(6)),
  "huge number inserted": (random, bytes) =>
    splice(random, bytes, Buffer.from("ffffffff0fffffffffff7f", "hex"), random.below(2)),
  "a part repeated": (random, bytes) => splice(random, bytes, bytes.subarray(random.below(bytes.length)), 0),
  "made very long": (random, bytes) => Buffer.concat([bytes, Buffer.alloc(MOST_BYTES - random.below(200), 2)]),
  "random bytes": (random) => random.bytes(random.below(200)),
};

function splice(random: Random, bytes: Buffer, inserted: Buffer, removed: number): Buffer {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
}

/** A fresh case from one of the tokens. */
export function makeCase(random: Random, minted: readonly Minted[]): Case {
  const changes: string[] = [];
  const token = random.pick(minted);
  const parts: Parts = { ...token.parts, caveats: [...token.parts.caveats] };
  for (let left = random.pick([0, 0, 1, 1, 1, 2]); left > 0; left--) {
    const name = pickChange(random, MACAROON_NAMES);
    MACAROON_CHANGES[name]!(random, parts, minted);
    changes.push(name);
  }
  const preimage = choosePreimage(random, token, minted, changes);
  const channel = random.pick<Channel>([
    "authorization",
    "authorization",
    "authorization",
    "authorization",
    "grpcMetadataMacaroon",
    "macaroon",
  ]);
  if (channel !== "authorization" || random.oneIn(8)) appendPreimage(random, parts, preimage, changes);
  let bytes = serialize(random, parts, changes);
  if (random.oneIn(5)) {
    const name = pickChange(random, BYTE_NAMES);
    if (bytes.length > 0) bytes = BYTE_CHANGES[name]!(random, Buffer.from(bytes));
    changes.push(name);
  }
  const lines: Case["lines"] = { authorization: [], grpcMetadataMacaroon: [], macaroon: [] };
  if (channel === "authorization") writeLines(random, lines, { bytes, preimage }, minted, changes);
  else lines[channel] = writeHexLines(random, bytes, changes);
  if (random.oneIn(30)) spoil(random, lines, changes);
  return { lines, changes, bytes };
}

const MACAROON_NAMES = [...Object.keys(MACAROON_CHANGES), "caveat appended", "caveats appended", "caveats appended"];
const BYTE_NAMES = Object.keys(BYTE_CHANGES);
/** Costly to judge, and no more likely than others to find anything. */
const LARGE = new Set(["filled with caveats", "filled to the longest", "made very long"]);

function pickChange(random: Random, names: readonly string[]): string {
  const name = random.pick(names);
  return LARGE.has(name) && !random.oneIn(6) ? random.pick(names) : name;
}

function choosePreimage(random: Random, token: Minted, minted: readonly Minted[], changes: string[]): Buffer {
  if (!random.oneIn(10)) return token.preimage;
  changes.push("preimage swapped");
  const near = Buffer.from(token.preimage);
  near[random.below(32)]! ^= 1 << random.below(8);
  return random.pick([
    random.pick(minted).preimage,
    near,
    Buffer.alloc(32),
    random.bytes(random.pick([0, 16, 31, 33])),
  ]);
}

function appendPreimage(random: Random, parts: Parts, preimage: Buffer, changes: string[]): void {
  const right = preimage.toString("hex");
  const wrong = random.bytes(32).toString("hex");
  const proofs = random.oneIn(6) ? random.pick([[wrong], [wrong, right], [right, wrong], [right, "x"], []]) : [right];
  changes.push(proofs.length === 1 && proofs[0] === right ? "preimage inside" : "doubtful preimages inside");
  for (const proof of proofs) append(parts, Buffer.from(`preimage=${random.oneIn(4) ? proof.toUpperCase() : proof}`));
}

function serialize(random: Random, parts: Parts, changes: string[]): Buffer {
  const form = random.pick(["binary", "binary", "binary", "padded lengths", "packets", "JSON"]);
  if (form !== "binary") changes.push(form);
  if (form === "packets") return encodePackets(parts);
  if (form === "JSON") return encodeJson(parts, random.pick(["base64", "base64url"]));
  return encodeBinary(parts, form === "binary" ? 0 : random.below(5));
}

const BLANKS = [" ", " ", " ", "  ", "\t", " \t "];
const SCHEMES = ["L402", "L402", "LSAT", "l402", "lsat", "Lsat", "l4O2", "L4022", "Bearer"];

/** One credential in one of its spellings. */
function writeLine(random: Random, { bytes, preimage }: { bytes: Buffer; preimage: Buffer }): Line {
  const scheme = random.pick(SCHEMES);
  const base64 = bytes.toString("base64");
  const dialect = random.below(12);
  const bare = base64.replace(/=+$/, "");
  const token =
    dialect < 6
      ? base64
      : dialect < 8
        ? bare
        : dialect < 11
          ? bytes.toString("base64url")
          : `${base64}${"=".repeat(1 + random.below(2))}`;
  const overPadded = dialect === 11;
  const proof = random.oneIn(4) ? preimage.toString("hex").toUpperCase() : preimage.toString("hex");
  const around = () => (random.oneIn(10) ? random.pick([" ", "\t", "  "]) : "");
  const text = `${around()}${scheme}${random.pick(BLANKS)}${token}:${proof}${around()}`;
  if (!/^(?:l402|lsat)$/i.test(scheme)) return { text, meaning: "ignored" };
  return { text, meaning: overPadded || preimage.length !== 32 ? "broken" : { bytes, preimage } };
}

type Pair = { bytes: Buffer; preimage: Buffer };

function writeLines(
  random: Random,
  lines: Case["lines"],
  pair: Pair,
  minted: readonly Minted[],
  changes: string[],
): void {
  const first = writeLine(random, pair);
  lines.authorization = [first];
  const more = random.below(20);
  if (more >= 10) return;
  const other = random.pick(minted);
  const otherPair = { bytes: encodeBinary(other.parts), preimage: other.preimage };
  const add = (name: string, ...added: Line[]) => {
    changes.push(name);
    lines.authorization = random.oneIn(2) ? [first, ...added] : [...added, first];
  };
  if (more === 0) add("the same line again", writeLine(random, pair));
  else if (more === 1) add("a line of another token", writeLine(random, otherPair));
  else if (more === 2) add("a line of another preimage", writeLine(random, { ...pair, preimage: other.preimage }));
  else if (more === 3)
    add("a line of another scheme", { text: random.pick(["Basic YTpi", "Bearer abc.def", ""]), meaning: "ignored" });
  else if (more === 4)
    add("a broken line", {
      text: random.pick(["L402", "LSAT x", "L402 a:b", "l402 :", "L402 \u00e9"]),
      meaning: "broken",
    });
  else if (more === 5) {
    changes.push("several macaroons in one line");
    const text = `L402 ${pair.bytes.toString("base64")},${otherPair.bytes.toString("base64")}:${pair.preimage.toString("hex")}`;
    lines.authorization = [{ text, meaning: "broken" }];
  } else if (more === 6) {
    lines.grpcMetadataMacaroon = [{ text: otherPair.bytes.toString("hex"), meaning: { bytes: otherPair.bytes } }];
    changes.push("another token in another header");
  } else if (more === 7 || more === 8) {
    changes.push("lines joined by a proxy");
    lines.authorization = [joinLines(random, first, writeLine(random, more === 7 ? pair : otherPair))];
  } else add("many lines", ...Array.from({ length: random.below(6) }, () => writeLine(random, pair)));
}

/** Two lines as one: readable where both say the same, or where one is another scheme's. */
function joinLines(random: Random, first: Line, second: Line): Line {
  const text = `${first.text}${random.pick([", ", ",", " , ", ",\t"])}${second.text}`;
  const [one, other] = [first.meaning, second.meaning];
  if (one === "ignored") return { text, meaning: other };
  if (other === "ignored") return { text, meaning: one };
  if (typeof one === "string" || typeof other === "string") return { text, meaning: "broken" };
  return { text, meaning: saysTheSame(one, other) ? one : "broken" };
}

/** Whether two lines agree to the byte. */
export function saysTheSame(one: Exclude<Meaning, string>, other: Exclude<Meaning, string>): boolean {
  const preimages = [one, other].map(({ preimage }) => preimage?.toString("hex"));
  return one.bytes.equals(other.bytes) && preimages[0] === preimages[1];
}

/** A macaroon alone, which is to hold its preimage. */
function writeHexLines(random: Random, bytes: Buffer, changes: string[]): Line[] {
  const hex = random.oneIn(3) ? bytes.toString("hex").toUpperCase() : bytes.toString("hex");
  const line: Line = { text: random.oneIn(8) ? ` ${hex}\t` : hex, meaning: { bytes } };
  if (hex === "") return [{ text: "", meaning: "ignored" }];
  if (random.oneIn(10)) {
    changes.push("half a byte of hex");
    return [{ text: hex.slice(1), meaning: "broken" }];
  }
  if (random.oneIn(10)) {
    changes.push("the same line again");
    return [line, { ...line, text: hex.toLowerCase() }];
  }
  return [line];
}

/** Edits of header text whose meaning is not followed: what is accepted all the same must be sound. */
function spoil(random: Random, lines: Case["lines"], changes: string[]): void {
  changes.push("text edited");
  for (const channel of ["authorization", "grpcMetadataMacaroon", "macaroon"] as const) {
    lines[channel] = lines[channel].map(({ text }) => ({ text: editText(random, text), meaning: "unknown" }));
  }
  if (lines.authorization.length > 1 && random.oneIn(2)) {
    const text = lines.authorization.map((line) => line.text).join(random.pick([",", ", ", " , ", ",\t"]));
    lines.authorization = [{ text, meaning: "unknown" }];
  }
}

const INSERTS = [
  " ",
  "\t",
  ",",
  ", ",
  ":",
  "=",
  "==",
  "\u00a0",
  "\u2028",
  "\u00e9",
  "\u{1f511}",
  '"',
  "L402 ",
  "LSAT ",
  "\0",
  "A",
  "0",
];

function editText(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const edit = random.below(5);
  if (edit === 0) return text.slice(0, at) + random.pick(INSERTS) + text.slice(at);
  if (edit === 1) return text.slice(0, at) + text.slice(at + 1 + random.below(3));
  if (edit === 2) return text.slice(0, at) + String.fromCharCode(random.below(300)) + text.slice(at + 1);
  if (edit === 3) return `${text}${random.pick([", ", ","])}${text}`;
  return text + random.pick(INSERTS).repeat(1 + random.below(random.pick([5, 5, 5, 20_000])));
}
