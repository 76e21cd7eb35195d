/** How often somebody may do something: a store of permissions that fills steadily and holds only so many. */

/** @param perSec how many permissions come each second; @param burst how many are kept */
export function createTokenBucket({ perSec, burst }: { perSec: number; burst: number }) {
  let [left, filledAtMs] = [burst, Number.NEGATIVE_INFINITY];
  return {
    /** Takes one permission; false when there is none. @param atMs any clock that only goes forward */
    take(atMs: number): boolean {
      left = Math.min(burst, left + (perSec * Math.max(0, atMs - filledAtMs)) / 1_000);
      filledAtMs = Math.max(filledAtMs, atMs);
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
