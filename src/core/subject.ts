/** The names a caller may use for a Lightning node. */
import { OracleError } from "./errors.ts";

/** A node by its compressed key, by the SHA-256 of that key's lower-case hex text, or by an alias it must have alone. */
export type Subject = { by: "key"; keyHex: string } | { by: "hash"; hashHex: string } | { by: "alias"; alias: string };

const MAX_ALIAS_CHARACTERS = 64;

/** @throws SUBJECT_MALFORMED unless 66 hex digits of a compressed key, 64 hex digits, or `alias@<name>` */
export function parseSubject(text: string): Subject {
  if (/^0[23][0-9a-fA-F]{64}$/.test(text)) return { by: "key", keyHex: text.toLowerCase() };
  if (/^[0-9a-fA-F]{64}$/.test(text)) return { by: "hash", hashHex: text.toLowerCase() };
  const alias = text.startsWith("alias@") ? text.slice("alias@".length).trim() : "";
  if (alias !== "" && alias.length <= MAX_ALIAS_CHARACTERS && isPrintable(alias)) return { by: "alias", alias };
  throw new OracleError(
    "SUBJECT_MALFORMED",
    "name a node by its 66-hex public key, the 64-hex SHA-256 of that key's text, or alias@<its exact alias>",
  );
}

/** No control character, no lone surrogate: what cannot be stored as text cannot be anybody's name. */
export function isPrintable(text: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(text);
}
