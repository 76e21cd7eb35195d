/** AUC: how well a number tells what will happen from what will not. */

/**
 * The chance that of two, one of which happened, that one had the larger value: by mid-ranks (Mann and Whitney 1947), so that
 * ties count half. `happened` is 0 or 1 each; ½ when only one of them occurs.
 */
export function areaUnderCurve(values: ArrayLike<number>, happened: ArrayLike<number>): number {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  let hits = 0;
  let ranks = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    const middle = (from + to + 1) / 2;
    for (let i = from; i < to; i++) {
      if (happened[order[i]!] !== 1) continue;
      hits++;
      ranks += middle;
    }
    from = to;
  }
  const misses = order.length - hits;
  return hits === 0 || misses === 0 ? 0.5 : (ranks - (hits * (hits + 1)) / 2) / (hits * misses);
}
