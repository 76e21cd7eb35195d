/** Probing, joined to what serves it: for the crawler's job and the operator's command. */
import { randomBytes } from "node:crypto";
import type { LndClient } from "../adapters/lnd/connect.ts";
import { getInfo } from "../adapters/lnd/get-info.ts";
import { listChannels } from "../adapters/lnd/list-channels.ts";
import { toLndRoute } from "../adapters/lnd/probe-route.ts";
import { sendToRoute } from "../adapters/lnd/send-to-route.ts";
import type { Database } from "../adapters/postgres/connect.ts";
import { evidenceTable } from "../adapters/postgres/evidence.ts";
import { graphVersions } from "../adapters/postgres/graph-version.ts";
import { probeTable } from "../adapters/postgres/probe.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import { WORLD_SEED } from "../core/graph/worlds.ts";
import type { PredictionBasis } from "../core/prediction/prediction.ts";
import { ARRIVAL_MODEL } from "../core/probe/arrival.ts";
import { EVIDENCE_LIMIT, EVIDENCE_WINDOW_SEC } from "../core/probe/believe.ts";
import type { ProbeHop } from "../core/probe/route.ts";
import type { ProbeLimits } from "../core/spend/policy.ts";
import type { UnixSeconds } from "../core/units.ts";
import type { ErrandPorts } from "../oracle/probe/run-errand.ts";
import { FINAL_BLOCKS, type ProbeAnswer, type ProbeResult, type ProbingNode } from "../oracle/probe/send-probe.ts";
import { now } from "./clock.ts";
import type { PayingNode } from "./payments.ts";
import { openProbeThread, type ProbeSituation, type ProbeThread } from "./probe-thread.ts";

/** A situation, and a thread that has the newest graph. Close the thread afterwards. */
export type Vantage = { node: ProbingNode; situation: ProbeSituation; basis: PredictionBasis; thread: ProbeThread };

/**
 * Looks at our node, the evidence and the newest graph. Undefined before the first graph is stored.
 * @throws LND_UNAVAILABLE, LND_REFUSED, DATABASE_UNAVAILABLE, GRAPH_MALFORMED
 */
export async function openVantage(deps: {
  database: Database;
  lnd: PayingNode;
  limits: ProbeLimits;
  signal: AbortSignal;
}): Promise<Vantage | undefined> {
  const { database, lnd, limits, signal } = deps;
  const [info, own, stored] = await Promise.all([
    getInfo(lnd.readonly, { signal }),
    listChannels(lnd.pay, { signal }),
    graphVersions(database).newest(),
  ]);
  if (!stored) return undefined;
  const at = now();
  const log = evidenceTable(database);
  const head = await log.networkHead();
  const evidence = await log.since((at - EVIDENCE_WINDOW_SEC) as UnixSeconds, EVIDENCE_LIMIT, head.position);
  const { nodePubkey, blockHeight } = info;
  // The last hop takes blocks of its own, on top of what the channels on the way ask for.
  const pathLimits = { ...limits, maxCltvBlocks: limits.maxCltvBlocks - FINAL_BLOCKS };
  const thread = openProbeThread();
  try {
    await thread.load({ body: stored.body, deltas: stored.deltas, takenAt: stored.at });
  } catch (error) {
    await thread.close();
    throw error;
  }
  return {
    node: { nodePubkey, blockHeight },
    situation: { nodePubkey, own, evidence, now: at, limits: pathLimits },
    basis: {
      model: ARRIVAL_MODEL,
      graphDigest: toHex(stored.position.digest),
      evidence: { position: head.position, head: toHex(head.hash), at },
      seed: WORLD_SEED,
    },
    thread,
  };
}

/** What an errand needs, but for how it waits. */
export function errandPorts(deps: {
  database: Database;
  lnd: PayingNode;
  thread: ProbeThread;
  signal: AbortSignal;
  onResult: (result: ProbeResult) => void;
}): Omit<ErrandPorts, "pause"> {
  const { database, lnd, thread, signal, onResult } = deps;
  return {
    ...probeTable(database),
    lay: thread.lay,
    send: (paymentHash, hops) => send(lnd.pay, paymentHash, hops, signal),
    onResult,
    randomHash: () => toHex(randomBytes(32)),
    random: Math.random,
    now,
  };
}

function send(
  pay: LndClient,
  paymentHash: string,
  hops: readonly ProbeHop[],
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  // A record with an address that nobody issued: without one a modern target calls the onion malformed.
  const attempt = { paymentHash: hashBytes(paymentHash), route: toLndRoute(hops), paymentAddress: randomBytes(32) };
  return sendToRoute(pay, attempt, { signal });
}

/** Bytes of a hash of ours. */
export function hashBytes(hashHex: string): Uint8Array {
  const bytes = fromHex(hashHex);
  if (bytes?.length !== 32) throw new OracleError("INTERNAL", "not a payment hash");
  return bytes;
}
