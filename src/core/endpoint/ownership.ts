/** Who runs a host, by what the host itself says: in a file at its root, or in the challenge of one endpoint. */
import { parsePublicKey } from "../nip85/key-text.ts";

/** Where the file is. Its first line that is not empty and no comment (`#`) is the operator's key, hex or npub. */
export const PROOF_PATH = "/.well-known/satrank-proof.txt";

const MAX_LINES = 20;
const MAX_LINE_CHARACTERS = 200;

/** The key that a proof file names, 64 lower-case hex digits. */
export function keyOfFile(text: string): string | undefined {
  const lines = text.split(/\r?\n/, MAX_LINES).map((line) => line.trim());
  const first = lines.find((line) => line !== "" && !line.startsWith("#"));
  return first === undefined || first.length > MAX_LINE_CHARACTERS ? undefined : parsePublicKey(first);
}

/** The key that the challenges of a 402 name: `L402 …, nostr-pubkey="<hex>"`. Two that differ name nobody. */
export function keyOfChallenges(lines: readonly string[]): string | undefined {
  const named = lines
    .filter((line) => line.length <= 16_384 && /^\s*(?:l402|lsat)\s/i.test(line))
    .flatMap((line) => [...line.matchAll(/(?:^|[\s,])nostr-pubkey\s*=\s*"?([0-9A-Za-z]{10,100})"?/gi)])
    .map(([, text = ""]) => parsePublicKey(text));
  return new Set(named).size === 1 ? named[0] : undefined;
}

/** Scheme, host and port of an endpoint: what a file at the root speaks for. */
export function originOf(url: string): string {
  return new URL(url).origin;
}
