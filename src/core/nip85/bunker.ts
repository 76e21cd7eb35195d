/** Where keys are held by a remote signer, as an operator writes it down: one line per role. Source of the URI: NIP-46. */
import { OracleError } from "../errors.ts";
import { parseUrl } from "../url.ts";
import { isHex } from "./event.ts";
import { parsePublicKey } from "./key-text.ts";
import { isKeyRole, KEY_ROLES, type KeyRole } from "./roles.ts";

/** One key behind a remote signer. */
export type Bunker = {
  role: KeyRole;
  /** The key it must sign with; what is signed with another one is refused. */
  pubkey: string;
  /** The signer's own key, to which requests are encrypted. */
  signerPubkey: string;
  /** 1 to 4 relays (ws or wss) through which it is reached. */
  relays: string[];
  /** Lets a client in that the signer does not know yet; absent when it knows ours. */
  secret: string | undefined;
};

const MAX_RELAYS = 4;
const MAX_SECRET = 200;

/**
 * `<role> <public key> <bunker://...>` for each of the four roles, separated by white space. What is wrong is named by its role or place,
 * never by its text, which holds a secret. @throws CONFIG_INVALID
 */
export function parseBunkers(text: string): Bunker[] {
  const words = text.split(/\s+/).filter((word) => word !== "");
  if (words.length !== 3 * KEY_ROLES.length)
    throw invalid(`${KEY_ROLES.length} lines of a role, its public key and a bunker:// URI are needed`);
  const bunkers: Bunker[] = [];
  for (let from = 0; from < words.length; from += 3) {
    const [role = "", key = "", uri = ""] = words.slice(from, from + 3);
    const line = `line ${from / 3 + 1}`;
    if (!isKeyRole(role)) throw invalid(`${line} begins with none of ${KEY_ROLES.join(", ")}`);
    const pubkey = parsePublicKey(key);
    if (pubkey === undefined) throw invalid(`${role}: the public key is neither npub1... nor 64 hex digits`);
    bunkers.push({ role, pubkey, ...parseUri(uri, role) });
  }
  return bunkers;
}

function parseUri(text: string, role: KeyRole): Pick<Bunker, "signerPubkey" | "relays" | "secret"> {
  const url = parseUrl(text);
  const signerPubkey = url?.host.toLowerCase();
  if (url?.protocol !== "bunker:" || !isHex(signerPubkey, 64)) throw invalid(`${role}: this is no bunker:// URI`);
  const relays = url.searchParams.getAll("relay");
  const reached = relays.every((relay) => /^wss?:$/.test(parseUrl(relay)?.protocol ?? ""));
  if (relays.length === 0 || relays.length > MAX_RELAYS || !reached)
    throw invalid(`${role}: the bunker:// URI needs 1 to ${MAX_RELAYS} relays, ws:// or wss://`);
  const secret = url.searchParams.get("secret") ?? undefined;
  if (secret !== undefined && (secret.length === 0 || secret.length > MAX_SECRET))
    throw invalid(`${role}: the secret of the bunker:// URI has 1 to ${MAX_SECRET} characters`);
  return { signerPubkey, relays, secret };
}

function invalid(why: string): OracleError {
  return new OracleError("CONFIG_INVALID", `NOSTR_BUNKERS: ${why}`);
}
