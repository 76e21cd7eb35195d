/**
 * What a stranger reads to find out what is sold here, in two dialects, from the same contracts that are served.
 * Sources: the L402 manifest 1.0 (lightninglabs/L402 PR 27), and ngx_l402's `l402-services`. Members that these do not
 * know are ignored by their readers: tiers have their prices there.
 */
import { SERVICE } from "../../core/l402/caveat.ts";
import { MAX_DEPOSIT_SAT, priceAt, TIERS } from "../../core/l402/tier.ts";
import type { Msat } from "../../core/units.ts";
import type { Contract } from "./operation.ts";

export type Provider = { name: string; origin: string; nodePubkey: string | undefined };

/** The conditions a token may carry, as both documents list them. */
export const CAVEATS = {
  services: { type: "service_list", attenuation: "subset" },
  [`${SERVICE}_capabilities`]: { type: "string", attenuation: "subset", description: "operations, comma-separated" },
  [`${SERVICE}_valid_until`]: { type: "timestamp", attenuation: "earlier" },
  [`${SERVICE}_max_sats`]: {
    type: "integer",
    attenuation: "decreasing",
    description: "the most, in satoshis, that this token and all that are made from it may spend together",
  },
  [`${SERVICE}_route`]: { type: "string", attenuation: "subset", description: "paths, comma-separated" },
  [`${SERVICE}_method`]: { type: "string", attenuation: "subset", description: "HTTP methods, comma-separated" },
  [`${SERVICE}_ip`]: { type: "string", attenuation: "subset", description: "addresses, comma-separated" },
} as const;

/** The tiers, as both documents list them. */
export const TIER_LIST = TIERS.map(({ tier, depositSat, ratePermille }) => ({
  tier,
  name: tier === 0 ? "base" : `deposit-${depositSat}`,
  description: `A deposit of at least ${depositSat} sat: calls at ${ratePermille} thousandths of their price`,
  min_deposit_sat: Number(depositSat),
  rate_permille: Number(ratePermille),
}));

/** A price, as both documents give it: what a call costs without a deposit, and at each tier. */
export function pricing(price: Msat): { model: "fixed"; price_msat: number; tier_prices_msat: number[] } {
  const tiers = TIERS.map(({ tier }) => Number(priceAt(tier, price)));
  return { model: "fixed", price_msat: Number(price), tier_prices_msat: tiers };
}

/** `GET /.well-known/l402.json`. */
export function manifest(contracts: readonly Contract[], provider: Provider): object {
  const onAccounts = contracts.filter(({ access }) => access !== undefined);
  const priced = pricedOf(contracts);
  return {
    version: "1.0",
    provider: {
      name: provider.name,
      uri: provider.origin,
      ...(provider.nodePubkey && { node_pubkey: provider.nodePubkey }),
    },
    currencies: ["msat"],
    macaroon_versions: [0],
    payment_methods: ["bolt11"],
    openapi: "/api/openapi.json",
    services: [
      {
        name: SERVICE,
        description: "A Lightning trust oracle. A token is a prepaid account that every operation draws on.",
        tiers: TIER_LIST,
        capabilities: [...priced, ...onAccounts].map(({ operation }) => operation),
        resources: priced.map(({ operation, method, path, price }) => ({
          path,
          method: method.toUpperCase(),
          capability: operation,
          pricing: pricing(price),
        })),
        // Free, and never a 402 but for the one that sells deposits: nobody is to look for a price there.
        account_operations: onAccounts.map(({ operation, method, path }) => ({
          path,
          method: method.toUpperCase(),
          capability: operation,
        })),
        deposits: {
          min_sat: Number(TIERS[0]!.depositSat),
          max_sat: Number(MAX_DEPOSIT_SAT),
          tiers: "/api/deposit/tiers",
        },
      },
    ],
    caveats: CAVEATS,
  };
}

/** `GET /.well-known/l402-services`. */
export function servicesList(contracts: readonly Contract[], provider: Provider): object {
  return {
    version: "1",
    service: { name: provider.name, description: "A Lightning trust oracle that is paid over Lightning." },
    payment_methods: [
      { type: "lightning", backend: "LND", ...(provider.nodePubkey && { address: provider.nodePubkey }) },
    ],
    routes: pricedOf(contracts).map(({ path, price }) => ({
      path,
      price: { type: "static", amount_msat: Number(price) },
      caveats_required: ["services"],
    })),
  };
}

function pricedOf(contracts: readonly Contract[]): (Contract & { price: Msat })[] {
  return contracts.flatMap((contract) =>
    contract.price === undefined ? [] : [{ ...contract, price: contract.price }],
  );
}
