/** Discovery says the prices that are charged, and nothing that is not served. */
import { expect, test } from "vitest";
import { msat } from "../../core/units.ts";
import { apiContracts } from "./contracts.ts";
import { manifest, servicesList } from "./discovery.ts";

const contracts = apiContracts(msat(7_000n));
const provider = { name: "SatRank", origin: "https://oracle.example", nodePubkey: `02${"ab".repeat(32)}` };

test("l402.json lists every priced operation at its price, and no free one", () => {
  const document = manifest(contracts, provider) as {
    services: { name: string; resources: unknown[] }[];
    provider: object;
  };
  expect(document.services).toHaveLength(1);
  expect(document.services[0]).toMatchObject({
    name: "satrank",
    capabilities: ["resolveIntent"],
    resources: [
      {
        path: "/api/intent",
        method: "POST",
        capability: "resolveIntent",
        pricing: { model: "fixed", price_msat: 7_000 },
      },
    ],
  });
  expect(document.provider).toEqual({
    name: "SatRank",
    uri: "https://oracle.example",
    node_pubkey: provider.nodePubkey,
  });
});

test("l402-services lists the same prices", () => {
  expect(servicesList(contracts, provider)).toMatchObject({
    version: "1",
    routes: [{ path: "/api/intent", price: { type: "static", amount_msat: 7_000 } }],
  });
});

test("a node that has not been reached yet is left out, not invented", () => {
  expect(JSON.stringify(manifest(contracts, { ...provider, nodePubkey: undefined }))).not.toContain("node_pubkey");
});
