/** Whatever has changed about endpoints is rated again, from the log; and once an hour, what is believed of those nobody tried. */
import { hopedCost, leastCost, type Offer } from "../../core/choice/cost.ts";
import type { CallEvidence } from "../../core/evidence/call.ts";
import type { Chance } from "../../core/score/interval.ts";
import { believeEndpoint, type EndpointBelief, siblingsOf } from "../../core/trust/believe-endpoint.ts";
import { type CallFacts, describeCalls } from "../../core/trust/describe-calls.ts";
import { fitModel, type SampledEndpoint } from "../../core/trust/fit-model.ts";
import { halfLives, type TrustModel } from "../../core/trust/model.ts";
import { weighCalls } from "../../core/trust/weigh-calls.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

/** An endpoint among those of its operator. */
export type Member = {
  readonly endpointId: bigint;
  readonly category: string | undefined;
  /** As announced. */
  readonly price: Msat | undefined;
  readonly payee: string | undefined;
  /** Marks that rating it sees to. */
  readonly marks: bigint;
};

export type RatedEndpoint = {
  readonly endpointId: bigint;
  readonly marks: bigint;
  readonly ratedAt: UnixSeconds;
  readonly modelAt: number;
  /** The last entry of the log that was read. */
  readonly position: bigint;
  readonly facts: Pick<CallFacts, "price" | "payee" | "latency" | "observations" | "probes" | "newestAt">;
  readonly belief: EndpointBelief;
  readonly floorMsat: number | undefined;
  readonly hopeMsat: number | undefined;
};

export type RatePorts = {
  /** Marks what the catalogue and the log have news of. @returns how many endpoints */
  markNews(now: UnixSeconds): Promise<number>;
  /** Operators with endpoints that are due or were rated before an instant: at most so many. */
  dueGroups(ratedBefore: UnixSeconds, limit: number): Promise<string[]>;
  /** An operator's endpoints: those that are due first, then the others; at most so many. */
  membersOf(group: string, ratedBefore: UnixSeconds, limit: number): Promise<Member[]>;
  /** The newest calls of each, and the place in the log they were read up to. */
  callsOf(endpointIds: readonly bigint[]): Promise<{ position: bigint; calls: ReadonlyMap<bigint, CallEvidence[]> }>;
  /** How likely typical callers reach nodes, of those that have a score. */
  reachOf(payees: readonly string[]): Promise<ReadonlyMap<string, Chance>>;
  /** What was rated later, or from more of the log, stays. */
  store(rated: readonly RatedEndpoint[]): Promise<void>;
  newestModel(): Promise<TrustModel | undefined>;
  /** Some endpoints that were called, of some operators: always the same ones. */
  sample(): Promise<SampledEndpoint[]>;
  storeModel(model: TrustModel): Promise<void>;
};

/** What nothing happens to is rated again after so long, since what was seen fades. */
const STALE_SEC = 86_400;
const GROUPS_AT_ONCE = 20;
/** Of larger operators, endpoints that are not due themselves follow when they are stale. */
const MEMBERS_AT_ONCE = 50;
const HOUR_SEC = 3_600;

/** Rates what is due, until nothing is, or until `signal` or the time for it ends. */
export async function rateEndpoints(
  ports: RatePorts,
  { now, until, signal }: { now: () => UnixSeconds; until: UnixSeconds; signal: AbortSignal },
): Promise<{ marked: number; rated: number; fitted: boolean }> {
  const { model, fitted } = await currentModel(ports, now());
  const marked = await ports.markNews(now());
  let rated = 0;
  while (!signal.aborted && now() < until) {
    const at = now();
    const groups = await ports.dueGroups((at - STALE_SEC) as UnixSeconds, GROUPS_AT_ONCE);
    if (groups.length === 0) break;
    for (const group of groups) rated += await rateGroup(ports, model, group, at);
  }
  return { marked, rated, fitted };
}

/** The model of the last whole hour; fitted anew with the first rating after it. */
async function currentModel(ports: RatePorts, now: UnixSeconds): Promise<{ model: TrustModel; fitted: boolean }> {
  const hour = (now - (now % HOUR_SEC)) as UnixSeconds;
  const newest = await ports.newestModel();
  if (newest && newest.fittedAt >= hour) return { model: newest, fitted: false };
  const model = fitModel(await ports.sample(), hour);
  await ports.storeModel(model);
  return { model, fitted: true };
}

async function rateGroup(ports: RatePorts, model: TrustModel, group: string, at: UnixSeconds): Promise<number> {
  const members = await ports.membersOf(group, (at - STALE_SEC) as UnixSeconds, MEMBERS_AT_ONCE);
  const { position, calls } = await ports.callsOf(members.map(({ endpointId }) => endpointId));
  const halfLifeSec = halfLives(model);
  // By number, so that sums over them come out the same each time.
  const seen = [...members]
    .sort((a, b) => (a.endpointId < b.endpointId ? -1 : 1))
    .map((member) => {
      const own = calls.get(member.endpointId) ?? [];
      return { member, tallies: weighCalls(own, { now: at, halfLifeSec }), facts: describeCalls(own, at) };
    });
  const payees = seen.flatMap(({ member, facts }) => facts.payee ?? member.payee ?? []);
  const reach = await ports.reachOf([...new Set(payees)]);
  const siblings = siblingsOf(
    model,
    seen.map(({ tallies }) => tallies),
  );
  const rated = seen.map(({ member, tallies, facts }, i): RatedEndpoint => {
    const { endpointId, category, marks } = member;
    const price = facts.price ?? member.price;
    const payee = facts.payee ?? member.payee;
    const grounds = {
      category,
      own: tallies,
      siblings: siblings[i]!,
      reach: payee === undefined ? undefined : reach.get(payee),
    };
    const belief = believeEndpoint(model, grounds);
    const offer: Offer = {
      priceMsat: price === undefined ? undefined : Number(price),
      latencyMs: facts.latency?.medianMs,
      paid: belief.paid,
      unpaid: belief.unpaid,
    };
    return {
      endpointId,
      marks,
      ratedAt: at,
      modelAt: model.fittedAt,
      position,
      facts: { ...facts, price, payee },
      belief,
      floorMsat: leastCost(offer),
      hopeMsat: hopedCost(offer),
    };
  });
  await ports.store(rated);
  return rated.length;
}
