/** How one caller gets to each of several nodes: one pass from the caller answers for all of them, and is remembered. */
import { findNodeHex } from "../graph/channel-graph.ts";
import { AMOUNT_GRID_MSAT } from "../graph/engine.ts";
import { leastFees } from "../graph/least-fees.ts";
import { reachedAt } from "../graph/reached.ts";
import { type Chance, chanceOfWorlds } from "../score/interval.ts";
import { onwardFrom } from "./case.ts";
import type { IntentWorld } from "./resolve-intent.ts";

export type ApproachRequest = {
  /** 66 lower-case hex digits, as of the payees. */
  readonly caller: string;
  readonly payees: readonly { readonly payee: string; readonly amountMsat: number }[];
};

/** How likely the amount arrives, and the least fee for it. */
export type Approached = Chance & { readonly feeMsat: number };

/** In the order of the payees; null for one that the graph does not know, and for all of them where it does not know the caller. */
export function approachNodes(world: IntentWorld, { caller, payees }: ApproachRequest): (Approached | null)[] {
  const { engine, fees } = world;
  const { graph } = engine;
  const from = findNodeHex(graph, caller);
  return payees.map(({ payee, amountMsat }) => {
    const to = findNodeHex(graph, payee);
    if (from < 0 || to < 0 || to === from) return null;
    const amount = nextAmount(amountMsat);
    const reached = onwardFrom({ engine, graph, caller: from, own: undefined, amountMsat: amount });
    const least = fees.get(`${from} ${amount}`, () => leastFees(graph, from, amount))[to]!;
    const feeMsat = Number.isFinite(least) ? (least * amountMsat) / amount : 0;
    return { ...chanceOfWorlds(reachedAt(reached, to)), feeMsat };
  });
}

/** The next larger amount of the grid, which arrives no more easily; the largest for all above. So few passes serve every price. */
function nextAmount(amountMsat: number): number {
  return AMOUNT_GRID_MSAT.find((each) => each >= amountMsat) ?? AMOUNT_GRID_MSAT.at(-1)!;
}
