/** A better rate for an account that is topped up: the caveats of its new token, which must agree on the tier. */

import { utf8 } from "../bytes.ts";
import { parseCaveat, SERVICE } from "./caveat.ts";

/**
 * These caveats with our tier in every `services` one replaced. All of them must say the same (terms.ts), so a holder who
 * repeated the caveat to narrow it gets the new tier in each. What else a caveat lists stays as it is.
 */
export function raiseTier(caveats: readonly string[], tier: number): string[] {
  return caveats.map((caveat) => {
    const { condition, value } = parseCaveat({ id: utf8(caveat) });
    if (condition !== "services") return caveat;
    const items = value.split(",").map((item) => (item.startsWith(`${SERVICE}:`) ? `${SERVICE}:${tier}` : item));
    return `services=${items.join(",")}`;
  });
}
