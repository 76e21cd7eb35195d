/** For every priced operation, every document says the price that is asked for and taken, at every tier. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { priceAt, TIERS } from "../../core/l402/tier.ts";
import { msat } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { holderOn } from "../../testing/holder.ts";
import { startTollApi, type Toll } from "../../testing/toll-api.ts";
import { apiContracts } from "./contracts.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(10);
});
afterAll(() => database.close());

// A price that is no whole number of satoshis is asked for in the next whole one; the rest is credited.
describe.each([1_000n, 7_777n, 21_000n])("at %s msat for an intent", (intentPrice) => {
  const contracts = apiContracts(msat(intentPrice));
  const priced = contracts.flatMap(({ operation, path, method, price }) =>
    price === undefined ? [] : [{ operation, path, method, price }],
  );
  let api: Toll;
  let holder: ReturnType<typeof holderOn>;
  // biome-ignore lint/suspicious/noExplicitAny: documents of others' shapes
  const documents: Record<string, any> = {};
  beforeAll(async () => {
    api = await startTollApi(database.pool, { sells: contracts });
    holder = holderOn(api);
    for (const path of ["/.well-known/l402.json", "/.well-known/l402-services", "/api/openapi.json"])
      documents[path] = (await holder.ask(path)).body;
    documents["tiers"] = (await holder.ask("/api/deposit/tiers")).data.tiers;
  });
  afterAll(() => api.close());

  test("each document lists all of them and nothing else", () => {
    const names = priced.map(({ operation }) => operation);
    const [service] = documents["/.well-known/l402.json"].services;
    expect(service.resources.map(({ capability }: { capability: string }) => capability)).toEqual(names);
    expect(documents["/.well-known/l402-services"].routes).toHaveLength(names.length);
    const operations = Object.values<object>(documents["/api/openapi.json"].paths).flatMap((path) =>
      Object.values(path),
    );
    const inOpenApi = operations.filter((each) => each["x-l402-pricing"]).map(({ operationId }) => operationId);
    expect(inOpenApi).toEqual(names);
    for (const { prices } of documents["tiers"])
      expect(prices.map(({ operation }: { operation: string }) => operation)).toEqual(names);
  });

  describe.each(priced)("$operation", ({ operation, path, method, price }) => {
    const call = (owned?: Parameters<typeof holder.ask>[1]) =>
      holder.ask(path, owned, method === "post" ? { body: {} } : {});

    test("costs what every document says, in the invoice and from the balance", async () => {
      const [service] = documents["/.well-known/l402.json"].services;
      const resource = service.resources.find((each: { capability: string }) => each.capability === operation);
      const route = documents["/.well-known/l402-services"].routes.find((each: { path: string }) => each.path === path);
      const described = documents["/api/openapi.json"].paths[path][method];
      const tier0 = documents["tiers"][0].prices.find((each: { operation: string }) => each.operation === operation);
      expect(resource).toMatchObject({ path, method: method.toUpperCase() });
      const said = [
        resource.pricing.price_msat,
        route.price.amount_msat,
        described["x-l402-pricing"].price_msat,
        tier0.priceMsat,
      ];
      expect(said.map(BigInt)).toEqual(said.map(() => price));

      const challenge = await call();
      const sats = (price + 999n) / 1_000n;
      const invoice = String(challenge.body["invoice"]);
      expect(decodeInvoice(invoice).amount).toBe(sats * 1_000n);
      expect(challenge.body).toMatchObject({ amountSats: Number(sats), priceSats: Number(sats) });
      const owned = { macaroon: String(challenge.body["macaroon"]), preimage: api.lnd.pay(invoice) };
      const served = await call(owned);
      expect([served.status, served.headers.get("x-satrank-cost-msat")]).toEqual([200, String(price)]);
      expect(served.headers.get("x-satrank-balance-msat")).toBe(String(sats * 1_000n - price));
    });

    test.each(TIERS)("costs what every document says at tier $tier", async ({ tier, depositSat }) => {
      const [service] = documents["/.well-known/l402.json"].services;
      const resource = service.resources.find((each: { capability: string }) => each.capability === operation);
      const described = documents["/api/openapi.json"].paths[path][method];
      const quote = documents["tiers"][tier].prices.find((each: { operation: string }) => each.operation === operation);
      const want = priceAt(tier, price);
      expect(service.tiers[tier]).toMatchObject({ tier, min_deposit_sat: Number(depositSat) });
      expect(described["x-l402-tiers"]).toEqual(service.tiers);
      const said = [
        resource.pricing.tier_prices_msat[tier],
        described["x-l402-pricing"].tier_prices_msat[tier],
        quote.priceMsat,
      ];
      expect(said.map(BigInt)).toEqual([want, want, want]);

      const owned = await holder.deposit(Number(depositSat));
      const served = await call(owned);
      expect([served.status, served.headers.get("x-satrank-cost-msat")]).toEqual([200, String(want)]);
      const { account } = (await holder.ask("/api/balance", owned)).data;
      expect(account).toMatchObject({ spentMsat: String(want), balanceMsat: String(depositSat * 1_000n - want) });
    });
  });

  test("every answer, a 402 and a 401 included, links to the documents", async () => {
    const links = '</.well-known/l402.json>; rel="l402-manifest", </api/openapi.json>; rel="service-desc"';
    const { path, method } = priced[0]!;
    const answers = [
      await holder.ask(path, undefined, method === "post" ? { body: {} } : {}),
      await holder.ask("/api/balance"),
      await holder.ask("/api/deposit/tiers"),
    ];
    expect(answers.map(({ status }) => status)).toEqual([402, 401, 200]);
    for (const { headers } of answers) expect(headers.get("link")).toBe(links);
  });
});

test("what directories want to read is served as it was set, and not found when it was not", async () => {
  const paths = ["/.well-known/402index-verify.txt", "/.well-known/l402-directory-verify.txt"];
  const silent = await startTollApi(database.pool);
  for (const path of paths) expect((await fetch(`${silent.origin}${path}`)).status).toBe(404);
  await silent.close();
  const api = await startTollApi(database.pool, { verifications: { index402: "ab12", l402Directory: "hello there" } });
  const answers = await Promise.all(paths.map((path) => fetch(`${api.origin}${path}`)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers[0]!.headers.get("content-type")).toMatch(/^text\/plain/);
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(["ab12", "hello there"]);
  await api.close();
});
