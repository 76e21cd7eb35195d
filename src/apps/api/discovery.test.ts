/** Discovery says the prices that are charged, and nothing that is not served. */
import { expect, test } from "vitest";
import { readTerms } from "../../core/l402/terms.ts";
import { msat } from "../../core/units.ts";
import { apiContracts } from "./contracts.ts";
import { manifest, servicesList } from "./discovery.ts";

const contracts = apiContracts(msat(7_000n), msat(3_000n));
const provider = { name: "SatRank", origin: "https://oracle.example", nodePubkey: `02${"ab".repeat(32)}` };

test("l402.json lists every priced operation at its price, and no free one", () => {
  const document = manifest(contracts, provider) as {
    services: { name: string; resources: unknown[] }[];
    provider: object;
  };
  expect(document.services).toHaveLength(1);
  expect(document.services[0]).toMatchObject({
    name: "satrank",
    capabilities: [
      "resolveIntent",
      "getNode",
      "getService",
      "makeDeposit",
      "getBalance",
      "getStatement",
      "rotateToken",
    ],
    resources: [
      {
        path: "/api/intent",
        method: "POST",
        capability: "resolveIntent",
        pricing: { model: "fixed", price_msat: 7_000, tier_prices_msat: [7_000, 3_500, 1_400, 700, 350] },
      },
      {
        path: "/api/nodes/{id}",
        method: "GET",
        capability: "getNode",
        pricing: { model: "fixed", price_msat: 3_000, tier_prices_msat: [3_000, 1_500, 600, 300, 150] },
      },
      { path: "/api/services/{id}", method: "GET", capability: "getService" },
    ],
    account_operations: [
      { path: "/api/deposit", method: "POST", capability: "makeDeposit" },
      { path: "/api/balance", method: "GET", capability: "getBalance" },
      { path: "/api/balance/statement", method: "GET", capability: "getStatement" },
      { path: "/api/token/rotate", method: "POST", capability: "rotateToken" },
    ],
    deposits: { min_sat: 21, max_sat: 1_000_000 },
  });
  expect(document.provider).toEqual({
    name: "SatRank",
    uri: "https://oracle.example",
    node_pubkey: provider.nodePubkey,
  });
});

test("each condition that is listed is one we hold a token to, in its own spelling", () => {
  const values: Record<string, string> = { service_list: "satrank:0", timestamp: "9", integer: "9", string: "x" };
  const { caveats } = manifest(contracts, provider) as {
    caveats: Record<string, { type: string; attenuation: string }>;
  };
  for (const [condition, { type }] of Object.entries(caveats)) {
    const services = { condition: "services", value: "satrank:0" };
    const holds = (value: string) => readTerms([services, { condition, value }]).satisfiable;
    expect([condition, holds(values[type]!)]).toEqual([condition, true]);
    expect([condition, readTerms([{ condition: `${condition}_`, value: "9" }]).satisfiable]).toEqual([
      condition,
      !condition.startsWith("satrank_"),
    ]);
  }
  expect(caveats["satrank_max_sats"]).toMatchObject({ type: "integer", attenuation: "decreasing" });
});

test("l402-services lists the same prices", () => {
  expect(servicesList(contracts, provider)).toMatchObject({
    version: "1",
    routes: [
      { path: "/api/intent", price: { type: "static", amount_msat: 7_000 } },
      { path: "/api/nodes/{id}", price: { type: "static", amount_msat: 3_000 } },
      { path: "/api/services/{id}", price: { type: "static", amount_msat: 3_000 } },
    ],
  });
});

test("a node that has not been reached yet is left out, not invented", () => {
  expect(JSON.stringify(manifest(contracts, { ...provider, nodePubkey: undefined }))).not.toContain("node_pubkey");
});
