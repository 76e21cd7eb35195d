/**
 * A failed call, as an error that says what to do next.
 *
 * The code comes from the gRPC status alone. LND answers status UNKNOWN both while it is not ready and for a request
 * it refuses; its State service, which answers at any time and needs no macaroon, tells the two apart. LND's own words
 * are quoted for people and never looked at.
 */
import { status } from "@grpc/grpc-js";
import { OracleError } from "../../core/errors.ts";
import type { Failure } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { diagnoseConnection } from "./diagnose-connection.ts";
import { readNotReady } from "./read-state.ts";
import { RPCS } from "./rpcs.ts";

/** The call, or what carries it, broke. The same call may succeed later. */
const BROKEN = new Set([status.CANCELLED, status.DEADLINE_EXCEEDED, status.ABORTED, status.INTERNAL, status.DATA_LOSS]);

/** LND_UNAVAILABLE when the same call may succeed later, LND_REFUSED when somebody has to change something first. */
export async function translateFailure(client: LndClient, failure: Failure): Promise<OracleError> {
  const { rpc, code, cause, ended } = failure;
  const unavailable = (message: string) => new OracleError("LND_UNAVAILABLE", message, { cause });

  if (ended === "abort") return unavailable(`${rpc} was given up before LND answered`);
  if (ended === "deadline") return unavailable(`LND did not answer ${rpc} in time: see whether the node is overloaded`);
  if (ended === "breaker")
    return unavailable(`LND at ${client.host} did not answer ${rpc}: it is left alone for a moment`);
  if (code === status.UNAVAILABLE) return unavailable((await diagnoseConnection(client)).words);
  if (BROKEN.has(code)) return unavailable(`LND broke off ${rpc} (${quote(failure)}): try again in a moment`);

  const notReady = code === status.UNKNOWN ? await readNotReady(client) : undefined;
  if (notReady) return unavailable(notReady.words);
  return new OracleError("LND_REFUSED", `LND refused ${rpc} (${quote(failure)}): ${advice(failure)}`, { cause });
}

function advice({ rpc, code }: Failure): string {
  if (code === status.RESOURCE_EXHAUSTED) return "its answer is larger than this program accepts";
  if (code === status.UNIMPLEMENTED) return "this LND does not offer the call; use a newer LND";
  if (code === status.ALREADY_EXISTS) return "it has a payment with this hash, paid or under way";
  const { permission } = RPCS[rpc];
  return `if the request is right, see that the macaroon is this node's and grants ${permission || "the call"}`;
}

/** The status by name, with LND's words cut short and made printable. */
function quote({ code, details }: Failure): string {
  const words = details.slice(0, 200).replace(/[^\x20-\x7e]/g, "?");
  return words === "" ? (status[code] ?? String(code)) : `${status[code] ?? code}: "${words}"`;
}
