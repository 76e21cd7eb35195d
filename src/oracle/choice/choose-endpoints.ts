/** Endpoints for one caller, by what a good answer will cost it: exactly those that looking at all of them would give. */
import { type Candidate, choose, openCrowd } from "../../core/choice/choose.ts";
import { expectedCost, hopedCost, paymentLowOf } from "../../core/choice/cost.ts";
import type { Excluded, HopefulRow, RankedRow, Wanted } from "../../core/choice/question.ts";
import type { Approached, ApproachRequest } from "../../core/intent/approach.ts";

export type ChoosePorts = {
  /** In the order of their least cost, from a place on, without those of which there are enough. */
  page(
    wanted: Wanted,
    after: { floorMsat: number; id: bigint },
    excluded: Excluded,
    limit: number,
  ): Promise<RankedRow[]>;
  /** Those whose price is not known. */
  unpriced(wanted: Wanted, limit: number): Promise<RankedRow[]>;
  /** How a caller gets to nodes. @throws GRAPH_NOT_READY, OVERLOADED, TIMED_OUT */
  approach(request: ApproachRequest): Promise<(Approached | null)[]>;
  /** Uniform in [0, 1). */
  random(): number;
};

export type ChosenRow = {
  readonly row: RankedRow;
  /** Undefined where the price is unknown. */
  readonly costMsat: number | undefined;
  /** Undefined for a caller or payee that is in no graph, or when nobody was named. */
  readonly approached: Approached | undefined;
  /** It may be better than the best, by what is not known of it. */
  readonly explore: boolean;
};

/** What was read at first: `rows` of the cheapest, and of those with the lowest hoped-for costs. */
export type FirstLook = { readonly page: readonly RankedRow[]; readonly hopeful: readonly HopefulRow[] };

export type ChooseRequest = {
  readonly wanted: Wanted;
  readonly look: FirstLook;
  /** 66 lower-case hex digits. Undefined: a typical one. */
  readonly caller: string | undefined;
  readonly limit: number;
};

/** Rows of the first page for each that is wanted: most answers need no other. Each further page is twice as long. */
const FIRST_PAGE = 2;
/** Who reaches next to nobody would read everything: after so many the best of those are given. */
const MOST_READ = 20_000;
/** One of so many is tried, since whoever comes late should have a turn as well. */
const HOPEFUL = 8;

/** How much is read at first for a question. */
export function sizesOf({ limit, explore }: { limit: number; explore: boolean }): { rows: number; hopeful: number } {
  return { rows: FIRST_PAGE * (limit + 1), hopeful: explore ? HOPEFUL + limit : 0 };
}

/** Rows without a price that are read for one that is shown: some are of one operator. */
const MANY = 4;

type Read = Candidate & ChosenRow;

/** @returns the choice, cheapest first, and how many were passed over for having two of their operator, host or payee before them */
export async function chooseEndpoints(
  ports: ChoosePorts,
  { wanted, look, caller, limit }: ChooseRequest,
): Promise<{ chosen: ChosenRow[]; repeats: number }> {
  const ranked = await rank(ports, { wanted, caller, limit }, look.page);
  const { repeats } = ranked;
  const isShort = ranked.chosen.length < limit && wanted.includeUnknown;
  const chosen = isShort
    ? addUnpriced(ranked.chosen, await ports.unpriced(wanted, MANY * limit), limit)
    : [...ranked.chosen];
  const best = chosen[0]?.costMsat ?? Number.POSITIVE_INFINITY;
  const told = chosen.map((each, i) => ({ ...each, explore: i > 0 && (hopedCost(each.row) ?? best) < best }));
  const newcomer = pickHopeful(chosen, look.hopeful, best, ports.random());
  if (!newcomer) return { chosen: told, repeats };
  const [read] = await priceFor(ports, caller, [newcomer]);
  return { chosen: [...told.slice(0, limit - 1), { ...read!, explore: true }], repeats };
}

async function rank(
  ports: ChoosePorts,
  { wanted, caller, limit }: Pick<ChooseRequest, "wanted" | "caller" | "limit">,
  first: readonly RankedRow[],
) {
  const read: Read[] = [];
  let page = first;
  for (let size = sizesOf({ limit, explore: false }).rows; ; size *= 2) {
    read.push(...(await priceFor(ports, caller, page)));
    const last = page.at(-1);
    const isAll = page.length < size || read.length >= MOST_READ;
    const choice = choose(read, limit, isAll || !last ? Number.POSITIVE_INFINITY : last.floorMsat!);
    if (choice.isSettled) return choice;
    page = await ports.page(wanted, { floorMsat: last!.floorMsat!, id: last!.id }, excludedOf(choice.full), 2 * size);
  }
}

/** Those without a price after those with one, as long as there is room and not too many of a group. */
function addUnpriced(priced: readonly ChosenRow[], unpriced: readonly RankedRow[], limit: number): ChosenRow[] {
  const crowd = openCrowd();
  for (const { row } of priced) crowd.add(groupsOf(row));
  const chosen = [...priced];
  for (const row of unpriced) {
    if (chosen.length === limit) break;
    if (!crowd.admits(groupsOf(row))) continue;
    crowd.add(groupsOf(row));
    chosen.push({ row, costMsat: undefined, approached: undefined, explore: false });
  }
  return chosen;
}

/** What each would cost this caller. */
async function priceFor(ports: ChoosePorts, caller: string | undefined, rows: readonly RankedRow[]): Promise<Read[]> {
  const payees = rows.flatMap(({ payee, priceMsat = 0 }) =>
    payee === undefined ? [] : [{ payee, amountMsat: priceMsat }],
  );
  const found = caller === undefined || payees.length === 0 ? [] : await ports.approach({ caller, payees });
  let next = 0;
  return rows.map((row) => {
    const approached = row.payee === undefined ? undefined : (found[next++] ?? undefined);
    const paymentLow = approached ? paymentLowOf(approached, row.paymentSeen) : row.paymentLow;
    const costMsat = expectedCost(row, { paymentLow, feeMsat: approached?.feeMsat ?? 0 })!;
    return { id: row.id, floorMsat: row.floorMsat!, costMsat, groups: groupsOf(row), row, approached, explore: false };
  });
}

/** One that might be better than the best; by chance, so that nobody is the newcomer for ever. */
function pickHopeful(
  chosen: readonly ChosenRow[],
  hopeful: readonly HopefulRow[],
  best: number,
  random: number,
): HopefulRow | undefined {
  const shown = new Set(chosen.map(({ row }) => row.id));
  const able = hopeful.filter(({ id, hopeMsat }) => !shown.has(id) && hopeMsat < best).slice(0, HOPEFUL);
  return able[Math.floor(random * able.length)];
}

function groupsOf({ operatorGroup, host, payee }: RankedRow): string[] {
  return [`operator ${operatorGroup}`, `host ${host}`, ...(payee === undefined ? [] : [`payee ${payee}`])];
}

function excludedOf(groups: readonly string[]): Excluded {
  const of = (kind: string) =>
    groups.filter((group) => group.startsWith(`${kind} `)).map((group) => group.slice(kind.length + 1));
  return { operatorGroups: of("operator"), hosts: of("host"), payees: of("payee") };
}
