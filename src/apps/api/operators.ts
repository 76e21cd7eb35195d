/** What operators do with what is their own, mounted together: claims that hosts and nodes prove, replies and disputes. */
import type { Router } from "express";
import type { GuardedClient } from "../../adapters/http/guarded-client.ts";
import { claimTable } from "../../adapters/postgres/claim.ts";
import type { Database } from "../../adapters/postgres/connect.ts";
import { graphTables } from "../../adapters/postgres/graph.ts";
import { nodeOperatorTable } from "../../adapters/postgres/node-operator.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { replyTable } from "../../adapters/postgres/reply.ts";
import { OracleError } from "../../core/errors.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { hostRules } from "../host-rules.ts";
import type { LimitPorts, TakeOne } from "./hold-to-limit.ts";
import { mountFree } from "./operation.ts";
import { disputeOperation, getStatements, replyOperation } from "./routes/answer-evidence.ts";
import { claimOperations } from "./routes/claim-node.ts";
import { registerOperations } from "./routes/register-service.ts";
import { mountSigned, type SignedDoorPorts } from "./signed-door.ts";

/** In a minute: questions to hosts on behalf of one key, and to one host. */
const PROOFS_PER_KEY = 10;
const PROOFS_PER_HOST = 10;
/** In a minute: claims of nodes by one key. Each takes two recoveries of a signature. */
const NODE_CLAIMS_PER_KEY = 10;

export type OperatorPorts = {
  database: Database;
  ask: GuardedClient["fetch"];
  /** `host:port` of services on this machine that may be listed, and believed, without a public name and TLS. */
  local: readonly string[];
  /** Endpoints of one host that its operator may register. */
  mostPerHost: number;
  door: SignedDoorPorts;
  takeListing: TakeOne;
  events: LimitPorts["events"];
  now(): UnixSeconds;
};

export function mountOperators(router: Router, ports: OperatorPorts): void {
  const { database, ask, local, mostPerHost, door, takeListing, events, now } = ports;
  const byKey = prefixLimit(database, "claim-key", PROOFS_PER_KEY);
  const byHost = prefixLimit(database, "claim-host", PROOFS_PER_HOST);
  const register = {
    ...claimTable(database, mostPerHost),
    ask,
    async takeProof(operator: string, host: string) {
      for (const taken of [await byKey.take(operator), await byHost.take(host)]) {
        if (taken.allowed) continue;
        events.limited("proof");
        throw new OracleError(
          "RATE_LIMITED",
          "too many proofs were asked for by this key, or of this host; wait a minute",
        );
      }
    },
    ...hostRules(local),
    now,
  };
  const byClaimant = prefixLimit(database, "claim-node", NODE_CLAIMS_PER_KEY);
  const nodes = {
    ...nodeOperatorTable(database),
    isKnown: async (keyHex: string) => (await graphTables(database).find({ by: "key", keyHex })) !== undefined,
    async takeClaim(pubkey: string) {
      const taken = await byClaimant.take(pubkey);
      if (taken.allowed) return;
      events.limited("node-claim");
      throw new OracleError("RATE_LIMITED", "too many claims by this key; wait a minute");
    },
    origin: door.origin,
    now,
  };
  const replies = { ...replyTable(database), now };
  mountSigned(router, door, claimOperations(nodes));
  mountSigned(router, door, registerOperations(register));
  mountSigned(router, door, [replyOperation(replies)]);
  mountSigned(router, door, [disputeOperation(replies)]);
  mountFree(router, getStatements({ ...replies, takeListing, events }));
}
