/**
 * What a stranger reads to find out what is sold here, in two dialects, from the same contracts that are served.
 * Sources: the L402 manifest 1.0 (lightninglabs/L402 PR 27), and ngx_l402's `l402-services`.
 */
import { SERVICE } from "../../core/l402/caveat.ts";
import type { Contract } from "./operation.ts";

export type Provider = { name: string; origin: string; nodePubkey: string | undefined };

/** `GET /.well-known/l402.json`. */
export function manifest(contracts: Contract[], provider: Provider): object {
  const priced = contracts.flatMap((contract) =>
    contract.price === undefined ? [] : [{ ...contract, price: contract.price }],
  );
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
        tiers: [{ tier: 0, name: "base" }],
        capabilities: priced.map(({ operation }) => operation),
        resources: priced.map(({ operation, method, path, price }) => ({
          path,
          method: method.toUpperCase(),
          capability: operation,
          pricing: { model: "fixed", price_msat: Number(price) },
        })),
      },
    ],
    caveats: {
      services: { type: "service_list", attenuation: "subset" },
      [`${SERVICE}_capabilities`]: {
        type: "string",
        attenuation: "subset",
        description: "operations, comma-separated",
      },
      [`${SERVICE}_valid_until`]: { type: "timestamp", attenuation: "earlier" },
      [`${SERVICE}_route`]: { type: "string", attenuation: "subset", description: "paths, comma-separated" },
      [`${SERVICE}_method`]: { type: "string", attenuation: "subset", description: "HTTP methods, comma-separated" },
      [`${SERVICE}_ip`]: { type: "string", attenuation: "subset", description: "addresses, comma-separated" },
    },
  };
}

/** `GET /.well-known/l402-services`. */
export function servicesList(contracts: Contract[], provider: Provider): object {
  return {
    version: "1",
    service: { name: provider.name, description: "A Lightning trust oracle that is paid over Lightning." },
    payment_methods: [
      { type: "lightning", backend: "LND", ...(provider.nodePubkey && { address: provider.nodePubkey }) },
    ],
    routes: contracts.flatMap(({ path, price }) =>
      price === undefined
        ? []
        : [{ path, price: { type: "static", amount_msat: Number(price) }, caveats_required: ["services"] }],
    ),
  };
}
