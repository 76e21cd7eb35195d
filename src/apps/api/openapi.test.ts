/** The published contract is generated, complete, and names the live prices. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { msat } from "../../core/units.ts";
import { VERSION } from "../version.ts";
import { apiContracts } from "./contracts.ts";
import { manifest } from "./discovery.ts";
import { openApiDocument } from "./openapi.ts";

const facts = { origin: "https://oracle.example", version: VERSION };
type Document = { paths: Record<string, Record<string, Record<string, unknown>>> };

test("docs/api/openapi.json is what the contracts say (make openapi writes it)", () => {
  const committed = JSON.parse(readFileSync("docs/api/openapi.json", "utf8"));
  expect(committed).toEqual(JSON.parse(JSON.stringify(openApiDocument(apiContracts(), facts))));
});

test("every operation has its own id, and every priced one its price and its 402", () => {
  const { paths } = openApiDocument(apiContracts(msat(7_000n), msat(3_000n)), facts) as Document;
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  expect(new Set(operations.map((operation) => operation["operationId"])).size).toBe(apiContracts().length);
  const priced = operations.filter((operation) => operation["x-l402-pricing"]);
  expect(priced.map((operation) => operation["x-l402-pricing"])).toEqual([
    { model: "fixed", price_msat: 7_000, tier_prices_msat: [7_000, 3_500, 1_400, 700, 350] },
    { model: "fixed", price_msat: 3_000, tier_prices_msat: [3_000, 1_500, 600, 300, 150] },
    { model: "fixed", price_msat: 3_000, tier_prices_msat: [3_000, 1_500, 600, 300, 150] },
  ]);
  for (const operation of priced) expect(operation["responses"]).toHaveProperty("402");
});

test("what needs a token says so, what may do without one says that, and what is open to all asks for nothing", () => {
  const { paths } = openApiDocument(apiContracts(), facts) as Document;
  const l402 = [{ l402: [] }];
  expect(paths["/api/balance"]!["get"]).toMatchObject({ security: l402, responses: { "401": {}, "403": {} } });
  expect(paths["/api/token/rotate"]!["post"]).toMatchObject({ security: l402, "x-l402-capability": "rotateToken" });
  const deposit = { security: [{}, ...l402], responses: { "200": {}, "201": {}, "402": {}, "403": {} } };
  expect(paths["/api/deposit"]!["post"]).toMatchObject(deposit);
  for (const path of ["/api/deposit/tiers", "/api/deposit/status", "/api/nodes", "/api/health"]) {
    const [operation] = Object.values(paths[path]!);
    expect([path, operation!["security"]]).toEqual([path, []]);
  }
});

test("it agrees with l402.json on prices, tiers and caveats", () => {
  const document = openApiDocument(apiContracts(), facts) as Document & Record<string, unknown>;
  const other = manifest(apiContracts(), { name: "SatRank", origin: facts.origin, nodePubkey: undefined }) as {
    caveats: object;
    services: { tiers: object; resources: { path: string; method: string; pricing: object }[] }[];
  };
  expect(document["x-l402-caveats"]).toEqual(other.caveats);
  for (const { path, method, pricing } of other.services[0]!.resources) {
    const operation = document.paths[path]![method.toLowerCase()]!;
    expect(operation["x-l402-pricing"]).toEqual(pricing);
    expect(operation["x-l402-tiers"]).toEqual(other.services[0]!.tiers);
  }
});
