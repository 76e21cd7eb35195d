/** Who reports: the holder of a token of ours, by a digest that tells neither the token nor its account; or a Nostr key. */
import type { Request, Response } from "express";
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Reporter } from "../../oracle/report/take-call-report.ts";
import { type Contract, rawBodyOf } from "./operation.ts";
import { readSigner, type SignedDoorPorts } from "./signed-door.ts";
import type { TokenReader } from "./token-reader.ts";

export type ReporterPorts = {
  readToken: TokenReader;
  /** Keyed: whoever knows a token id cannot compute it. */
  clientDigest(text: string): Uint8Array;
  door: SignedDoorPorts;
};

/** The same for one account, however often its token is narrowed. 64 hex digits. */
export function witnessOfHolder({ clientDigest }: Pick<ReporterPorts, "clientDigest">, tokenId: Uint8Array): string {
  return toHex(clientDigest(`reporter:${toHex(tokenId)}`));
}

const NOSTR = /^nostr +\S/i;

/**
 * Undefined when nothing is shown.
 * @throws CREDENTIAL_REQUIRED, SIGNATURE_REQUIRED, RATE_LIMITED when what is shown does not hold
 */
export async function readReporter(
  ports: ReporterPorts,
  request: Request,
  response: Response,
  operation: Contract,
): Promise<Reporter | undefined> {
  if (NOSTR.test(request.get("authorization") ?? ""))
    return { kind: "signed", witness: await readSigner(ports.door, rawBodyOf(request), request, response) };
  const presented = ports.readToken(request, operation);
  if (presented.kind === "none") return undefined;
  if (presented.kind === "refused")
    throw new OracleError("CREDENTIAL_REQUIRED", "the token of this report does not hold: send a valid one, or none");
  return { kind: "holder", witness: witnessOfHolder(ports, presented.token.tokenId) };
}
