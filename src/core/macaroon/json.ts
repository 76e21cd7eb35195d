/**
 * JSON macaroons, read only: some libraries exchange no other form (go-macaroon, libmacaroons "v2J").
 *
 * `{"v":2,"l":location,"i":identifier,"c":[{"i":caveat}],"s":signature}`; each of `i` and `s` may be written as UTF-8
 * text or, with `64` after its name, in base64. Members we do not know are refused, as unknown field types are in
 * binary: whoever wrote one relied on it.
 */
import { fromBase64, utf8 } from "../bytes.ts";
import { MAX_CAVEATS, type Macaroon, malformed, readUtf8, SIGNATURE_BYTES } from "./macaroon.ts";

type Members = ReadonlyMap<string, unknown>;

const MACAROON_MEMBERS = new Set(["v", "l", "i", "i64", "c", "s", "s64"]);
const CAVEAT_MEMBERS = new Set(["i", "i64", "l", "v", "v64"]);

/** Reads the JSON form. @throws MACAROON_MALFORMED */
export function decodeJson(bytes: Uint8Array): Macaroon {
  const members = readMembers(parse(readUtf8(bytes, "it")), MACAROON_MEMBERS);
  // go-macaroon leaves the version out.
  if (members.has("v") && members.get("v") !== 2) throw malformed("its version is not 2");
  const identifier = readField(members, "i");
  if (!identifier) throw malformed("it has no identifier");
  const caveats = readCaveats(members.has("c") ? members.get("c") : []);
  const signature = readField(members, "s");
  if (!signature) throw malformed("it has no signature");
  if (signature.length !== SIGNATURE_BYTES) throw malformed(`its signature is not ${SIGNATURE_BYTES} bytes`);
  if (!members.has("l")) return { identifier, caveats, signature };
  return { location: readText(members.get("l")), identifier, caveats, signature };
}

function readCaveats(list: unknown): { id: Uint8Array }[] {
  if (!Array.isArray(list)) throw malformed("its caveats are not a list");
  if (list.length > MAX_CAVEATS) throw malformed(`more than ${MAX_CAVEATS} caveats`);
  return list.map((item: unknown) => {
    const members = readMembers(item, CAVEAT_MEMBERS);
    if (members.has("l") || members.has("v") || members.has("v64")) {
      throw malformed("third-party caveats are not supported");
    }
    const id = readField(members, "i");
    if (!id) throw malformed("a caveat has no identifier");
    return { id };
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes its input, which may be most of a credential.
    throw malformed("it is not JSON");
  }
}

/** Own members only, so that nothing is read from a prototype. */
function readMembers(value: unknown, known: ReadonlySet<string>): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("an object is missing");
  const members = new Map<string, unknown>(Object.entries(value));
  for (const name of members.keys()) if (!known.has(name)) throw malformed("it has an unknown member");
  return members;
}

/** The bytes of `name` or of its base64 form; undefined without either. */
function readField(members: Members, name: string): Uint8Array | undefined {
  const encodedName = `${name}64`;
  if (!members.has(encodedName)) return members.has(name) ? utf8(readText(members.get(name))) : undefined;
  if (members.has(name)) throw malformed("a field is written twice");
  const bytes = fromBase64(readText(members.get(encodedName)));
  if (!bytes) throw malformed("a field is not base64");
  return bytes;
}

/** Half a surrogate pair has no UTF-8: encoding it would change it. */
function readText(value: unknown): string {
  if (typeof value !== "string" || /\p{Surrogate}/u.test(value)) throw malformed("a field is not text");
  return value;
}
