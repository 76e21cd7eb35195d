/** The published contract is generated, complete, and names the live prices. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { msat } from "../../core/units.ts";
import { VERSION } from "../version.ts";
import { apiContracts } from "./contracts.ts";
import { openApiDocument } from "./openapi.ts";

const facts = { origin: "https://oracle.example", version: VERSION };
type Document = { paths: Record<string, Record<string, Record<string, unknown>>> };

test("docs/api/openapi.json is what the contracts say (make openapi writes it)", () => {
  const committed = JSON.parse(readFileSync("docs/api/openapi.json", "utf8"));
  expect(committed).toEqual(JSON.parse(JSON.stringify(openApiDocument(apiContracts(), facts))));
});

test("every operation has its own id, and every priced one its price and its 402", () => {
  const { paths } = openApiDocument(apiContracts(msat(7_000n)), facts) as Document;
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  expect(new Set(operations.map((operation) => operation["operationId"])).size).toBe(apiContracts().length);
  const priced = operations.filter((operation) => operation["x-l402-pricing"]);
  expect(priced.map((operation) => operation["x-l402-pricing"])).toEqual([{ model: "fixed", price_msat: 7_000 }]);
  for (const operation of priced) expect(operation["responses"]).toHaveProperty("402");
});
