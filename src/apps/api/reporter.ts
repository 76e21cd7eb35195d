/** Who reports: the holder of a token of ours, by a digest that tells neither the token nor its account. */
import type { Request } from "express";
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Reporter } from "../../oracle/report/take-call-report.ts";
import type { Contract } from "./operation.ts";
import type { TokenReader } from "./token-reader.ts";

export type ReporterPorts = {
  readToken: TokenReader;
  /** Keyed: whoever knows a token id cannot compute it. */
  clientDigest(text: string): Uint8Array;
};

/** The same for one account, however often its token is narrowed. 64 hex digits. */
export function witnessOfHolder({ clientDigest }: Pick<ReporterPorts, "clientDigest">, tokenId: Uint8Array): string {
  return toHex(clientDigest(`reporter:${toHex(tokenId)}`));
}

/** Undefined when nothing is shown. @throws CREDENTIAL_REQUIRED when a token is shown that does not hold */
export function readHolder(ports: ReporterPorts, request: Request, operation: Contract): Reporter | undefined {
  const presented = ports.readToken(request, operation);
  if (presented.kind === "none") return undefined;
  if (presented.kind === "refused")
    throw new OracleError("CREDENTIAL_REQUIRED", "the token of this report does not hold: send a valid one, or none");
  return { kind: "holder", witness: witnessOfHolder(ports, presented.token.tokenId) };
}
