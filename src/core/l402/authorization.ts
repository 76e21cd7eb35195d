/**
 * Reads a credential in every spelling that deployed clients send (L402 `protocol-specification.md`; aperture).
 *
 * `Authorization: L402|LSAT <base64 macaroon>:<hex preimage>`, or, as gRPC gateways do it, `Grpc-Metadata-Macaroon` or
 * `Macaroon` with the hex of a macaroon that holds its preimage as a caveat. There is no second parser: what this one
 * does not accept opens nothing.
 */
import { equalBytes, fromBase64, fromHex } from "../bytes.ts";
import { OracleError } from "../errors.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import type { Macaroon } from "../macaroon/macaroon.ts";
import { parsePreimage, readPreimageCaveat } from "./caveat.ts";

/** A macaroon and the 32 bytes that are said to have paid for it. Neither is checked yet. */
export type Credential = { readonly macaroon: Macaroon; readonly preimage: Uint8Array };

/** What the headers of a request present. `detail` is for people and repeats nothing of the header. */
export type Presented =
  | { kind: "none" }
  | { kind: "malformed"; detail: string }
  | ({ kind: "credential" } & Credential);

/** The lines of each header, in the order they came. */
export type CredentialHeaders = {
  readonly authorization: readonly string[];
  readonly grpcMetadataMacaroon: readonly string[];
  readonly macaroon: readonly string[];
};

const MAX_LINES = 4;
const MAX_LINE_CHARACTERS = 16_384;
const SCHEME = /^(?:l402|lsat)(?![^ \t])/i;
const SCHEME_CHARACTERS = 4;
const SHAPE = "expected L402 <base64 macaroon>:<64-hex preimage>";

/** One spelling of a credential: the macaroon's bytes as sent, and the preimage beside or inside it. */
type Spelling = Credential & { readonly bytes: Uint8Array };

/**
 * The first header that speaks of an L402 credential decides, in the order of {@link CredentialHeaders}. Several lines
 * of it must say the same. Schemes of others are none of our business. Never throws.
 */
export function parseCredential(headers: CredentialHeaders): Presented {
  for (const lines of [headers.authorization, headers.grpcMetadataMacaroon, headers.macaroon]) {
    if (lines.length > MAX_LINES) return malformed(`more than ${MAX_LINES} lines of one credential header`);
    if (lines.some((line) => line.length > MAX_LINE_CHARACTERS)) {
      return malformed(`a credential header longer than ${MAX_LINE_CHARACTERS} characters`);
    }
  }
  const bodies = headers.authorization.flatMap(l402Bodies);
  if (bodies.length > 0) return agree(bodies.map(readPair));
  for (const lines of [headers.grpcMetadataMacaroon, headers.macaroon]) {
    const texts = lines.map((line) => line.trim()).filter((line) => line !== "");
    if (texts.length > 0) return agree(texts.map(readHex));
  }
  return { kind: "none" };
}

/** What follows each L402 or LSAT scheme of a line. A proxy may have joined several lines with commas. */
function l402Bodies(line: string): string[] {
  const parts = line.includes(",") ? line.split(/,\s*(?=[A-Za-z0-9-]+[ \t])/) : [line];
  return parts.flatMap((part) => {
    const text = part.trim();
    return SCHEME.test(text) ? [text.slice(SCHEME_CHARACTERS).replace(/^[ \t]+/, "")] : [];
  });
}

/** `<base64>:<hex>`. The text says what is wrong. */
function readPair(body: string): Spelling | string {
  const colon = body.indexOf(":");
  if (colon === -1 || body.includes(":", colon + 1)) return SHAPE;
  const token = body.slice(0, colon);
  if (token.includes(",")) return "several macaroons in one credential are not supported: send the one that was sold";
  const bytes = fromBase64(token);
  if (!bytes) return `the macaroon is not base64: ${SHAPE}`;
  const preimage = parsePreimage(body.slice(colon + 1));
  if (!preimage) return `the preimage is not 64 hex digits: ${SHAPE}`;
  const macaroon = readMacaroon(bytes);
  return typeof macaroon === "string" ? macaroon : { bytes, macaroon, preimage };
}

/** Hex of a macaroon with a `preimage=` caveat. The text says what is wrong. */
function readHex(text: string): Spelling | string {
  const bytes = fromHex(text);
  if (!bytes) return "the macaroon header is not hex";
  const macaroon = readMacaroon(bytes);
  if (typeof macaroon === "string") return macaroon;
  const preimage = readPreimageCaveat(macaroon.caveats);
  if (!preimage) return "the macaroon holds no preimage=<64 hex digits> caveat";
  return { bytes, macaroon, preimage };
}

function readMacaroon(bytes: Uint8Array): Macaroon | string {
  try {
    return decodeMacaroon(bytes);
  } catch (error) {
    if (error instanceof OracleError) return error.message;
    throw error;
  }
}

/** Lines that disagree could show one credential to us and another to whatever stands before us. */
function agree(spellings: readonly (Spelling | string)[]): Presented {
  let first: Spelling | undefined;
  for (const spelling of spellings) {
    if (typeof spelling === "string") return malformed(spelling);
    first ??= spelling;
    const same = equalBytes(spelling.bytes, first.bytes) && equalBytes(spelling.preimage, first.preimage);
    if (!same) return malformed("the lines of the credential header disagree");
  }
  return first ? { kind: "credential", macaroon: first.macaroon, preimage: first.preimage } : { kind: "none" };
}

function malformed(detail: string): Presented {
  return { kind: "malformed", detail };
}
