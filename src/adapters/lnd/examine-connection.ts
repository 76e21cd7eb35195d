/** Everything that can be found out about a connection to LND without changing anything on the node. */
import { status } from "@grpc/grpc-js";
import type { UnixSeconds } from "../../core/units.ts";
import type { CallOptions, Failure } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { diagnoseConnection } from "./diagnose-connection.ts";
import { decodeAnswer } from "./fields.ts";
import { type NodeInfo, readInfo } from "./get-info.ts";
import { readPermissions } from "./macaroon-permissions.ts";
import { readNotReady } from "./read-state.ts";
import { translateFailure } from "./translate-failure.ts";
import type { Trouble } from "./trouble.ts";
import { type Permission, type Trial, tryPermissions } from "./try-permissions.ts";

/** What was found. `missing` and `excess` are of permissions; `info` comes with `info:read`. */
export type Examination = {
  troubles: Trouble[];
  missing: Permission[];
  /** What the macaroon grants beyond what was asked for, as `entity:action`. */
  excess: string[];
  info: NodeInfo | undefined;
};

const DAY_SEC = 86_400;
/** LND renews a certificate only when it starts, so the operator needs time to choose the hour. */
const EXPIRES_SOON_SEC = 14 * DAY_SEC;
/**
 * A block may be stamped two hours ahead of the network's time, and LND calls itself synced while its newest block is not
 * older than two hours by its own clock. What lies outside of both can only be two clocks that differ.
 */
const BLOCK_TIME_SEC = 7_200;
const CLOCK_MARGIN_SEC = 300;

/** Whether the node can be reached, is ready, and lets this macaroon do what is needed. Never throws. */
export async function examineConnection(
  client: LndClient,
  needs: readonly Permission[],
  now: UnixSeconds,
  options?: CallOptions,
): Promise<Examination> {
  const nothing: Examination = { troubles: judgeExpiry(client, now), missing: [], excess: [], info: undefined };
  const trials = await tryPermissions(client, needs, options);
  const [failure] = trials.flatMap((trial) => (trial.verdict === "undecided" ? [trial.failure] : []));
  if (failure) return { ...nothing, troubles: [await troubleOf(client, failure), ...nothing.troubles] };

  const isRefused = trials.some(({ verdict }) => verdict === "refused");
  const notReady = isRefused ? await readNotReady(client) : undefined;
  if (notReady) return { ...nothing, troubles: [notReady, ...nothing.troubles] };
  return judgeTrials(client, needs, trials, now, nothing);
}

function judgeTrials(
  client: LndClient,
  needs: readonly Permission[],
  trials: readonly Trial[],
  now: UnixSeconds,
  found: Examination,
): Examination {
  const listed = readPermissions(Buffer.from(client.channel.credentials.macaroonHex, "hex"));
  const tried = new Map(trials.map(({ permission, verdict }) => [permission, verdict]));
  const isKnown = [...tried.values()].includes("granted");
  if (!isKnown && (!listed || needs.some((permission) => listed.has(permission)))) {
    const words = "LND refuses the macaroon whatever it is asked: it is another node's, withdrawn, or expired";
    return { ...found, troubles: [{ trouble: "macaroon-refused", words }, ...found.troubles] };
  }
  const missing = needs.filter((permission) => {
    const verdict = tried.get(permission);
    return verdict ? verdict === "refused" : listed !== undefined && !grants(listed, permission);
  });
  const needed = new Set<string>(needs);
  const excess = isKnown && listed ? [...listed].filter((permission) => !needed.has(permission)) : [];
  const { info, troubles } = judgeInfo(trials, now);
  return { troubles: [...troubles, ...found.troubles], missing, excess, info };
}

/** LND can also grant single calls, by their full names; a macaroon that lists some is taken at its word. */
function grants(listed: ReadonlySet<string>, permission: Permission): boolean {
  return listed.has(permission) || listed.has("uri:/routerrpc.Router/SendPaymentV2");
}

function judgeInfo(trials: readonly Trial[], now: UnixSeconds): Pick<Examination, "troubles" | "info"> {
  const trial = trials.find(({ permission }) => permission === "info:read");
  if (trial?.verdict !== "granted" || !trial.bytes) return { troubles: [], info: undefined };
  let info: NodeInfo;
  try {
    info = readInfo(decodeAnswer("GetInfo", trial.bytes));
  } catch (error) {
    return { troubles: [{ trouble: "failing", words: String(error) }], info: undefined };
  }
  return { troubles: [...judgeSync(info), ...judgeClock(info, now)], info };
}

function judgeSync({ syncedToChain, syncedToGraph, blockHeight }: NodeInfo): Trouble[] {
  const troubles: Trouble[] = [];
  if (!syncedToChain) {
    const words = `LND is not synced to the chain (block ${blockHeight}): see whether its bitcoind or btcd runs and is synced`;
    troubles.push({ trouble: "not-synced-to-chain", words });
  }
  if (!syncedToGraph) {
    const words = "LND is not synced to the graph: it needs peers that are online, and some minutes";
    troubles.push({ trouble: "not-synced-to-graph", words });
  }
  return troubles;
}

function judgeClock({ bestHeaderAt, syncedToChain }: NodeInfo, now: UnixSeconds): Trouble[] {
  if (bestHeaderAt === 0) return [];
  const aheadSec = bestHeaderAt - now;
  const isBehind = aheadSec > BLOCK_TIME_SEC + CLOCK_MARGIN_SEC;
  const isAhead = syncedToChain && -aheadSec > BLOCK_TIME_SEC + CLOCK_MARGIN_SEC;
  if (!isBehind && !isAhead) return [];
  const minutes = Math.round((Math.abs(aheadSec) - BLOCK_TIME_SEC) / 60);
  const words = `this machine's clock is ${minutes} minutes or more ${isBehind ? "behind" : "ahead of"} LND's: set both by NTP`;
  return [{ trouble: "clock-skew", words }];
}

function judgeExpiry(client: LndClient, now: UnixSeconds): Trouble[] {
  const { certificate } = client.channel;
  const leftSec = Date.parse(certificate.validTo) / 1_000 - now;
  if (!(leftSec < EXPIRES_SOON_SEC)) return [];
  const when = leftSec < 0 ? "has expired" : `expires in ${Math.floor(leftSec / DAY_SEC)} days`;
  const words = `LND's certificate ${when} (${certificate.validTo}): remove tls.cert and tls.key on the node, restart LND, and copy the new tls.cert`;
  return [{ trouble: "certificate-expires-soon", words }];
}

async function troubleOf(client: LndClient, failure: Failure): Promise<Trouble> {
  if (!failure.ended && failure.code === status.UNAVAILABLE) return diagnoseConnection(client);
  const { message } = await translateFailure(client, failure);
  return { trouble: failure.ended ? "silent" : "failing", words: message };
}
