/** The right of reply: an operator's word beside what is measured of its endpoint. It changes no evidence. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import { OracleError } from "../../core/errors.ts";
import type { UnixSeconds } from "../../core/units.ts";

/** An endpoint by its id and method. */
export type Addressed = { id: string; method: Method; operator: string };

export type ReplyPorts = {
  /** The operator of an endpoint, by its host's word; "unknown" when there is no such endpoint. */
  operatorOf(id: string, method: Method): Promise<string | undefined | "unknown">;
  /** Undefined takes back what was said before. */
  saveReply(to: Addressed, text: string | undefined, now: UnixSeconds): Promise<void>;
  /** "unknown" when no call of this endpoint has that attempt; "repeated" when it is disputed already. */
  saveDispute(
    of: Addressed,
    attempt: string,
    text: string,
    now: UnixSeconds,
  ): Promise<"saved" | "repeated" | "unknown">;
  now(): UnixSeconds;
};

/** @throws SUBJECT_UNKNOWN, OWNERSHIP_UNPROVEN */
export async function reply(ports: ReplyPorts, to: Addressed, text: string | undefined): Promise<void> {
  await assertOperator(ports, to);
  await ports.saveReply(to, text, ports.now());
}

/** @throws SUBJECT_UNKNOWN, OWNERSHIP_UNPROVEN, EVIDENCE_UNKNOWN */
export async function dispute(ports: ReplyPorts, of: Addressed, attempt: string, text: string): Promise<boolean> {
  await assertOperator(ports, of);
  const saved = await ports.saveDispute(of, attempt, text, ports.now());
  if (saved === "unknown") throw new OracleError("EVIDENCE_UNKNOWN", "no call of this endpoint has this attempt");
  return saved === "saved";
}

async function assertOperator(ports: ReplyPorts, { id, method, operator }: Addressed): Promise<void> {
  const found = await ports.operatorOf(id, method);
  if (found === "unknown") throw new OracleError("SUBJECT_UNKNOWN", "this endpoint is not in the catalogue");
  if (found !== operator)
    throw new OracleError("OWNERSHIP_UNPROVEN", "the endpoint's host does not name this key: register it first");
}
