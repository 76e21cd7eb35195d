/** What a rank is the mean of. Why these, and what they cost to raise, is in docs/scoring.md. */

/** Where an amount has to arrive: at the node, or at any neighbour with an enabled direction to it. */
export type RankTerm = { readonly place: "node" | "neighbour"; readonly amountMsat: number };

/** All weigh the same. */
export const RANK_TERMS: readonly RankTerm[] = [
  { place: "node", amountMsat: 1e6 },
  { place: "node", amountMsat: 1e7 },
  { place: "node", amountMsat: 1e8 },
  { place: "node", amountMsat: 1e9 },
  { place: "neighbour", amountMsat: 1e9 },
  { place: "neighbour", amountMsat: 1e10 },
];
