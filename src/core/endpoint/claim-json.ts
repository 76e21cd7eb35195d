/** A claim as JSON that a database keeps: amounts are decimal text, absent members are absent. */
import { msat } from "../units.ts";
import type { Claim } from "./listing.ts";

export type ClaimJson = Omit<Claim, "price"> & { price?: string };

export function claimToJson({ price, ...rest }: Claim): ClaimJson {
  return price === undefined ? rest : { ...rest, price: String(price) };
}

/** What {@link claimToJson} made. */
export function claimFromJson({ price, ...rest }: ClaimJson): Claim {
  return price === undefined ? rest : { ...rest, price: msat(BigInt(price)) };
}
