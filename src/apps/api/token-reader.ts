/**
 * Who asks: the L402 credential in a request's headers, read, authenticated and checked against this request. Nothing is
 * charged here, and no database is asked.
 *
 * An authentic token stays one for as long as the process runs, because its keys do: its text is remembered, and only what
 * can change, time and the request, is checked each time. Whether it was revoked, and what it may spend, is the ledger's.
 */
import type { Request } from "express";
import { LRUCache } from "lru-cache";
import { type Credential, parseCredential } from "../../core/l402/authorization.ts";
import type { Refusal } from "../../core/l402/refusal.ts";
import { checkCaveats, type TokenRequest } from "../../core/l402/terms.ts";
import type { Authentication, AuthenticToken } from "../../core/l402/verify.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { addressOf } from "./address.ts";

/** What a request presents. `isNew` is a credential that this process has not seen before. */
export type Presented =
  | { kind: "none" }
  | { kind: "token"; token: AuthenticToken; isNew: boolean }
  | { kind: "refused"; reason: Refusal; detail?: string };

export type TokenReader = (request: Request, operation: { operation: string; path: string }) => Presented;

/** The call a token is presented for. A class for the sake of its accessors: see caller.ts. */
class Asking implements TokenRequest {
  readonly now: UnixSeconds;
  readonly operation: string;
  readonly path: string;
  private readonly request: Request;

  constructor(request: Request, now: UnixSeconds, operation: string, path: string) {
    this.request = request;
    this.now = now;
    this.operation = operation;
    this.path = path;
  }

  get method(): string {
    return this.request.method;
  }

  /** Few tokens are bound to an address, and finding it out behind a proxy is not free. */
  get ip(): string {
    return addressOf(this.request);
  }
}

const REMEMBERED = 10_000;
/** Longer credentials are rare, and would let strangers fill the memory. */
const MAX_REMEMBERED_CHARACTERS = 2_048;

export function tokenReader(ports: {
  authenticate(credential: Credential): Authentication;
  now(): UnixSeconds;
}): TokenReader {
  const remembered = new LRUCache<string, AuthenticToken>({ max: REMEMBERED });

  return (request, { operation, path }) => {
    const text = plainText(request);
    let token = text === undefined ? undefined : remembered.get(text);
    const isNew = token === undefined;
    if (!token) {
      const found = authenticate(ports.authenticate, request);
      if (found.kind !== "token") return found;
      token = found.token;
      if (text !== undefined && text.length <= MAX_REMEMBERED_CHARACTERS) remembered.set(text, token);
    }
    const verdict = checkCaveats(token, new Asking(request, ports.now(), operation, path));
    return verdict.ok ? { kind: "token", token, isNew } : { kind: "refused", reason: verdict.reason };
  };
}

/** The one Authorization line of a request that has no other credential: the usual case, and the only one remembered. */
function plainText(request: Request): string | undefined {
  const { headersDistinct } = request;
  const lines = headersDistinct["authorization"];
  if (lines?.length !== 1 || headersDistinct["grpc-metadata-macaroon"] || headersDistinct["macaroon"]) return undefined;
  return lines[0];
}

function authenticate(check: (credential: Credential) => Authentication, { headersDistinct }: Request): Presented {
  const found = parseCredential({
    authorization: headersDistinct["authorization"] ?? [],
    grpcMetadataMacaroon: headersDistinct["grpc-metadata-macaroon"] ?? [],
    macaroon: headersDistinct["macaroon"] ?? [],
  });
  if (found.kind === "none") return { kind: "none" };
  if (found.kind === "malformed") return { kind: "refused", reason: "malformed", detail: found.detail };
  const authentication = check(found);
  return authentication.ok
    ? { kind: "token", token: authentication.token, isNew: true }
    : { kind: "refused", reason: authentication.reason };
}
