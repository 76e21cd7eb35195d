/**
 * A market of paid endpoints whose true quality is known, with callers that ask us, call what we name, and report; and attackers in it.
 * What is measured is what callers are out of pocket for believing us.
 */
import { choose } from "../core/choice/choose.ts";
import { expectedCost, hopedCost, leastCost, type Offer } from "../core/choice/cost.ts";
import type { CallEvidence } from "../core/evidence/call.ts";
import { believeEndpoint, type EndpointBelief, siblingsOf } from "../core/trust/believe-endpoint.ts";
import { describeCalls } from "../core/trust/describe-calls.ts";
import { halfLives, NO_TALLIES, STARTING_MODEL } from "../core/trust/model.ts";
import { weighCalls } from "../core/trust/weigh-calls.ts";
import { unixSeconds } from "../core/units.ts";
import { someCall } from "./some-call.ts";
import { seededRandom } from "./synthetic-graph.ts";

export const ATTACKS = ["none", "sybil reporters", "sleeper", "cheating only the prober", "self-dealing"] as const;
export type Attack = (typeof ATTACKS)[number];

export type MarketSize = {
  readonly honest: number;
  readonly attackers: number;
  /** Hours. */
  readonly hours: number;
  readonly callersPerHour: number;
  /** Reports of made-up identities an hour. */
  readonly flood: number;
};

export type MarketResult = {
  readonly attack: Attack;
  /** The part of all pairs of honest endpoints that are ranked the wrong way round, on average of the hours of the second half. */
  readonly error: number;
  /** Of the callers of those hours, the part whose first candidate was an attacker's. */
  readonly deceived: number;
  /** How much more than the best one's a good answer of their first candidate really costs, on average. */
  readonly excess: number;
};

type Endpoint = {
  readonly index: number;
  readonly operator: number;
  readonly isAttacker: boolean;
  /** That whoever paid gets a good answer; of attackers what callers get at first. */
  readonly quality: number;
  readonly priceMsat: number;
  readonly latencyMs: number;
  calls: CallEvidence[];
  belief: EndpointBelief;
  offer: Offer;
  isNews: boolean;
};

const HOUR = 3_600;
const START = 1_770_000_000;
/** We ask four times a day without paying, and pay once. */
const [FREE_EVERY, PAID_EVERY] = [6, 24];
const RATED_EVERY = 2;
const REACH = { probability: 0.97, interval: { low: 0.93, high: 0.99 } };
/** Of callers, those who report; and those who try what is marked as new. */
const REPORTING = 0.3;
const TRYING = 0.2;
const SHOWN = 5;
/** A caller that was let down so often gives up, and no answer is more than so many times as dear as the best. */
const TRIES = 3;
const DEAREST = 10;
const CALLS_KEPT = 200;
/** Hours that a newcomer has to be first. */
const STAYS = 6;

/** Runs one market. The same seed has the same honest endpoints and callers, whatever the attack. */
export function runMarket(attack: Attack, size: MarketSize, seed: number): MarketResult {
  const random = seededRandom(seed);
  const endpoints = openMarket(attack, size, random);
  const rateAll = (hour: number) => rate(endpoints, START + hour * HOUR);
  const honest = endpoints.filter(({ isAttacker }) => !isAttacker);
  let [errors, deceived, excess, callers] = [0, 0, 0, 0];
  rateAll(0);
  for (let hour = 1; hour <= size.hours; hour++) {
    const at = START + hour * HOUR;
    const isAwake = attack !== "sleeper" || hour > size.hours / 2;
    // Each has luck of its own, so that an attack changes nobody's but through what it does.
    const luck = (of: number) => luckOf(seed, hour, of);
    for (const each of endpoints) probe(each, attack, isAwake, hour, at, luck(each.index));
    for (let i = 0; i < size.callersPerHour; i++) {
      const first = serveCaller(endpoints, isAwake, attack, at, luck(1_000 + i));
      if (!first || hour <= size.hours / 2) continue;
      callers++;
      excess += Math.min(DEAREST, trueCost(first, attack, isAwake) / bestCost(endpoints, attack, isAwake)) - 1;
      deceived += Number(first.isAttacker);
    }
    if (attack !== "none") strike(endpoints, attack, size.flood, at, luck(9_999));
    if (hour % RATED_EVERY === 0) rateAll(hour);
    if (hour > size.hours / 2) errors += misranked(honest, attack, isAwake);
  }
  const hours = Math.floor(size.hours / 2);
  return { attack, error: errors / hours, deceived: deceived / callers, excess: excess / callers };
}

/**
 * A newcomer that is better and cheaper than all others comes to a market that knows them, and we never pay it ourselves: only callers
 * that try what is marked can make it known. @returns the hours until it comes first and stays so for six; undefined if it never does
 */
export function runNewcomer(size: MarketSize, seed: number): number | undefined {
  const endpoints = openMarket("none", size, seededRandom(seed));
  const from = Math.floor(size.hours / 3);
  let held = 0;
  rate(endpoints, START);
  for (let hour = 1; hour <= size.hours; hour++) {
    const at = START + hour * HOUR;
    const luck = (of: number) => luckOf(seed, hour, of);
    const known = endpoints.slice(0, size.honest);
    for (const each of known) probe(each, "none", true, hour, at, luck(each.index));
    if (hour === from) endpoints.push(newcomerAmong(known));
    const newcomer = endpoints[size.honest];
    if (newcomer && hour % FREE_EVERY === 0) note(newcomer, { at, stage: "invoice" }, luck(newcomer.index));
    let first: Endpoint | undefined;
    for (let i = 0; i < size.callersPerHour; i++) first = serveCaller(endpoints, true, "none", at, luck(1_000 + i));
    rate(endpoints, at);
    held = first !== undefined && first.index === size.honest ? held + 1 : 0;
    if (held === STAYS) return hour - from - STAYS;
  }
  return undefined;
}

function newcomerAmong(known: readonly Endpoint[]): Endpoint {
  const priceMsat = 0.7 * Math.min(...known.map((each) => each.priceMsat));
  return {
    ...known[0]!,
    ...unknown(),
    index: known.length,
    operator: known.length,
    quality: 0.99,
    priceMsat,
    latencyMs: 200,
  };
}

/** Numbers of one who acts in an hour: near ones have nothing in common. */
function luckOf(seed: number, hour: number, of: number): () => number {
  let mixed = Math.imul(seed, 0x9e3779b1) ^ Math.imul(hour, 0x85ebca6b) ^ Math.imul(of + 1, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  return seededRandom((mixed ^ (mixed >>> 15)) >>> 0);
}

/** What is held of an endpoint when it is listed. */
function unknown(): Pick<Endpoint, "calls" | "belief" | "offer" | "isNews"> {
  const belief = believeEndpoint(STARTING_MODEL, {
    category: undefined,
    own: NO_TALLIES,
    siblings: NO_TALLIES,
    reach: REACH,
  });
  const offer = { priceMsat: undefined, latencyMs: undefined, paid: belief.paid, unpaid: belief.unpaid };
  return { calls: [], belief, offer, isNews: true };
}

function openMarket(attack: Attack, { honest, attackers }: MarketSize, random: () => number): Endpoint[] {
  const open = (index: number, isAttacker: boolean): Endpoint => {
    const quality = 1 - 0.6 * random() ** 2;
    const [price, latency] = [2_000 * 10 ** random(), 200 + 800 * random()];
    return {
      index,
      operator: Math.floor(index / 3),
      isAttacker,
      quality,
      // Attackers are tempting.
      priceMsat: isAttacker ? 1_500 : price,
      latencyMs: isAttacker ? 200 : latency,
      ...unknown(),
    };
  };
  const all = Array.from({ length: honest + attackers }, (_, i) => open(i, i >= honest));
  return attack === "none" ? all.slice(0, honest) : all;
}

/** That a caller that has paid gets what it paid for. */
function truth({ isAttacker, quality }: Endpoint, attack: Attack, isAwake: boolean): number {
  if (!isAttacker) return quality;
  return attack === "sleeper" && !isAwake ? 1 : 0;
}

function trueCost(endpoint: Endpoint, attack: Attack, isAwake: boolean): number {
  const served = truth(endpoint, attack, isAwake);
  if (served === 0) return Number.POSITIVE_INFINITY;
  const sure = { low: served, high: served };
  const offer = { priceMsat: endpoint.priceMsat, latencyMs: endpoint.latencyMs, paid: sure, unpaid: sure };
  return expectedCost(offer, { paymentLow: 1, feeMsat: 0 })!;
}

function bestCost(endpoints: readonly Endpoint[], attack: Attack, isAwake: boolean): number {
  return Math.min(...endpoints.map((each) => trueCost(each, attack, isAwake)));
}

/** The part of pairs whose expected costs are in another order than their true ones. */
function misranked(endpoints: readonly Endpoint[], attack: Attack, isAwake: boolean): number {
  const costs = endpoints.map((each) => ({ told: costOf(each), really: trueCost(each, attack, isAwake) }));
  let [wrong, pairs] = [0, 0];
  costs.forEach((one, i) => {
    for (const other of costs.slice(i + 1)) {
      pairs++;
      wrong += Number(one.told < other.told !== one.really < other.really);
    }
  });
  return wrong / pairs;
}

/** What we would say it costs. */
function costOf({ offer, belief }: Endpoint): number {
  return (
    expectedCost(offer, { paymentLow: belief.stages.payment.interval.low, feeMsat: 0 }) ?? Number.POSITIVE_INFINITY
  );
}

function note(endpoint: Endpoint, said: Parameters<typeof someCall>[0], random: () => number): void {
  const attempt = Math.floor(random() * 2 ** 52);
  const call = { price: BigInt(Math.round(endpoint.priceMsat)) as never, latencyMs: Math.round(endpoint.latencyMs) };
  const noted = someCall({ ...said, attempt, witness: attempt, call });
  endpoint.calls.push(noted);
  const of = endpoint.calls.filter(({ source }) => source === noted.source);
  if (of.length > CALLS_KEPT) endpoint.calls.splice(endpoint.calls.indexOf(of[0]!), 1);
  endpoint.isNews = true;
}

function probe(
  endpoint: Endpoint,
  attack: Attack,
  isAwake: boolean,
  hour: number,
  at: number,
  random: () => number,
): void {
  if ((hour + endpoint.index) % PAID_EVERY === 0) {
    // Who knows us serves us well, and nobody else.
    const served = endpoint.isAttacker && attack === "cheating only the prober" ? 1 : truth(endpoint, attack, isAwake);
    note(endpoint, { at, ...outcome(random() < served) }, random);
  } else if ((hour + endpoint.index) % FREE_EVERY === 0) note(endpoint, { at, stage: "invoice" }, random);
}

const outcome = (good: boolean) => ({ good, stage: good ? ("quality" as const) : ("delivery" as const) });

/** A caller takes the first, or what is new; when it is let down, the next. @returns the first that it was named */
function serveCaller(
  endpoints: readonly Endpoint[],
  isAwake: boolean,
  attack: Attack,
  at: number,
  random: () => number,
): Endpoint | undefined {
  const offered = endpoints.filter(({ belief }) => belief.verdict !== "avoid");
  const priced = offered.flatMap((each) => {
    const floorMsat = leastCost(each.offer);
    const costMsat = costOf(each);
    if (floorMsat === undefined) return [];
    return [{ id: BigInt(each.index), floorMsat, costMsat, groups: [`operator ${each.operator}`], endpoint: each }];
  });
  const { chosen } = choose(priced, SHOWN, Number.POSITIVE_INFINITY);
  const tries = chosen.map(({ endpoint }) => endpoint);
  const marked = markedAmong(offered, tries, chosen[0]?.costMsat ?? Number.POSITIVE_INFINITY, random);
  const tried = marked[Math.floor(random() * marked.length)];
  if (tried && random() < TRYING) tries.unshift(tried);
  const reports = random() < REPORTING;
  for (const endpoint of tries.slice(0, TRIES)) {
    const good = random() < truth(endpoint, attack, isAwake);
    if (reports) note(endpoint, { at, source: "proven", ...outcome(good) }, random);
    if (good) break;
  }
  return chosen[0]?.endpoint;
}

/** Those that might be better than the best: of the ones that are shown, and one of the eight most hopeful others. */
function markedAmong(
  offered: readonly Endpoint[],
  shown: readonly Endpoint[],
  best: number,
  random: () => number,
): Endpoint[] {
  const hope = ({ offer }: Endpoint) => hopedCost(offer) ?? Number.POSITIVE_INFINITY;
  const others = offered.filter((each) => !shown.includes(each) && hope(each) < best);
  others.sort((a, b) => hope(a) - hope(b));
  const newcomer = others[Math.floor(random() * Math.min(8, others.length))];
  return [...shown.slice(1).filter((each) => hope(each) < best), ...(newcomer ? [newcomer] : [])];
}

/** What attackers do in an hour besides serving badly. */
function strike(endpoints: readonly Endpoint[], attack: Attack, flood: number, at: number, random: () => number): void {
  for (let i = 0; i < flood; i++) {
    const victim = endpoints[Math.floor(random() * endpoints.length)]!;
    if (attack === "sybil reporters") {
      const source = random() < 0.9 ? ("signed" as const) : ("holder" as const);
      note(victim, victim.isAttacker ? { at, source } : { at, source, stage: "challenge", good: false }, random);
    }
    if (attack === "self-dealing" && victim.isAttacker) note(victim, { at, source: "proven" }, random);
  }
}

/** What has news is rated again, and its operator's others with it. */
function rate(endpoints: readonly Endpoint[], at: number): void {
  const now = unixSeconds(at);
  const at_ = { now, halfLifeSec: halfLives(STARTING_MODEL) };
  const news = new Set(endpoints.filter(({ isNews }) => isNews).map(({ operator }) => operator));
  for (const operator of news) {
    const members = endpoints.filter((each) => each.operator === operator);
    const tallies = members.map(({ calls }) => weighCalls(calls, at_));
    const siblings = siblingsOf(STARTING_MODEL, tallies);
    members.forEach((each, i) => {
      each.belief = believeEndpoint(STARTING_MODEL, {
        category: undefined,
        own: tallies[i]!,
        siblings: siblings[i]!,
        reach: REACH,
      });
      const { price, latency } = describeCalls(each.calls, now);
      const announced = Math.round(each.priceMsat);
      each.offer = {
        priceMsat: price === undefined ? announced : Number(price),
        latencyMs: latency?.medianMs,
        paid: each.belief.paid,
        unpaid: each.belief.unpaid,
      };
      each.isNews = false;
    });
  }
}
