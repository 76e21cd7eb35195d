/**
 * Credentials that were not sold, or not for this: nothing is served for them. And those that were: each route is paid for at its
 * own price, whichever route the token was bought at.
 */
import { createHash, randomBytes } from "node:crypto";
import request from "supertest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { now } from "../../apps/clock.ts";
import { serverHmac } from "../../apps/hmac.ts";
import { fromBase64, toBase64, toHex, utf8 } from "../../core/bytes.ts";
import { servicesCaveat } from "../../core/l402/caveat.ts";
import { decodeIdentifier } from "../../core/l402/identifier.ts";
import { mintToken } from "../../core/l402/mint.ts";
import { keyRingOf, newTokenId } from "../../core/l402/root-key.ts";
import { priceAt, TIERS } from "../../core/l402/tier.ts";
import { encodeMacaroon } from "../../core/macaroon/binary.ts";
import { attenuate } from "../../core/macaroon/chain.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import type { Macaroon } from "../../core/macaroon/macaroon.ts";
import { type Msat, msat } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import type { Toll } from "../toll-api.ts";
import { ROUTES, type Route, startAttackedApi } from "./api.ts";

let database: TestDatabase;
let api: Toll;
beforeAll(async () => {
  database = await openTestDatabase(10);
  api = await startAttackedApi(database.pool);
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const [CHEAP, MIDDLE, DEAR] = ROUTES;
const routes: readonly Route[] = ROUTES;

type Headers = Record<string, string>;
function call({ method, path }: Route, headers: Headers, body: object = { mode: "work" }) {
  return method === "GET"
    ? request(api.app).get(path).set(headers)
    : request(api.app).post(path).set(headers).send(body);
}

type Bought = { macaroon: Macaroon; preimage: string; tokenId: Uint8Array; paymentHash: Uint8Array };
async function buy(route: Route, amount?: bigint): Promise<Bought> {
  const { body } = await call(route, { "User-Agent": randomBytes(6).toString("hex") });
  const macaroon = decodeMacaroon(fromBase64(body.macaroon)!);
  return { macaroon, preimage: api.lnd.pay(body.invoice, amount), ...decodeIdentifier(macaroon.identifier)! };
}
const text = (macaroon: Macaroon) => toBase64(encodeMacaroon(macaroon));
const credential = (macaroon: Macaroon, preimage: string): Headers => ({
  Authorization: `L402 ${text(macaroon)}:${preimage}`,
});
const narrowed = (macaroon: Macaroon, ...caveats: string[]) =>
  caveats.reduce((each, caveat) => attenuate(serverHmac, each, caveat), macaroon);
const balance = async (tokenId: Uint8Array) => (await tokenTable(database.pool).account(tokenId))?.balance;
async function debits(): Promise<{ count: number; amount: bigint }> {
  const { rows } = await database.pool.query(
    "SELECT count(*) AS count, coalesce(sum(amount_msat), 0)::bigint AS amount FROM charge WHERE NOT EXISTS (SELECT 1 FROM refund WHERE refund.charge_id = charge.charge_id)",
  );
  return { count: Number(rows[0].count), amount: rows[0].amount };
}

/** A token of ours that is open and has plenty, and what others of ours and of strangers look like. */
async function stage() {
  const mine = await buy(MIDDLE, 50_000n);
  const other = await buy(MIDDLE, 60_000n);
  for (const each of [mine, other])
    expect((await call(CHEAP, credential(each.macaroon, each.preimage))).status).toBe(200);
  const settled = await api.lnd.addInvoice({ amount: msat(9_000n) });
  return { mine, other, foreign: { ...settled, preimage: api.lnd.pay(settled.invoice) } };
}
type Stage = Awaited<ReturnType<typeof stage>>;

const withCaveats = (macaroon: Macaroon, caveats: readonly string[]): Macaroon => ({
  ...macaroon,
  caveats: caveats.map((each) => ({ id: utf8(each) })),
});
const withIdentifier = (macaroon: Macaroon, paymentHash: Uint8Array, tokenId: Uint8Array): Macaroon => ({
  ...macaroon,
  identifier: Uint8Array.from([0, 0, ...paymentHash, ...tokenId]),
});
const tier0 = servicesCaveat(0);

/** What is sent, and the statuses that may answer it. */
const forgeries: Record<string, (stage: Stage) => Headers> = {
  "a preimage alone": ({ mine }) => ({ Authorization: `L402 ${mine.preimage}` }),
  "a preimage without a macaroon": ({ mine }) => ({ Authorization: `L402 :${mine.preimage}` }),
  "a preimage as the macaroon": ({ mine }) => ({ Authorization: `L402 ${mine.preimage}:${mine.preimage}` }),
  "a preimage as a bearer": ({ mine }) => ({ Authorization: `Bearer ${mine.preimage}` }),
  "a token id alone": ({ mine }) => ({ Authorization: `L402 ${toBase64(mine.tokenId)}:${mine.preimage}` }),
  "a token id in hex": ({ mine }) => ({ Authorization: `L402 ${toHex(mine.tokenId)}:${mine.preimage}` }),
  "an identifier alone": ({ mine }) => ({
    Authorization: `L402 ${toBase64(mine.macaroon.identifier)}:${mine.preimage}`,
  }),
  "a macaroon without its preimage": ({ mine }) => ({ Authorization: `L402 ${text(mine.macaroon)}` }),
  "a macaroon with an empty preimage": ({ mine }) => ({ Authorization: `L402 ${text(mine.macaroon)}:` }),
  "a macaroon with zeros": ({ mine }) => credential(mine.macaroon, "00".repeat(32)),
  "the payment hash as the preimage": ({ mine }) => credential(mine.macaroon, toHex(mine.paymentHash)),
  "a settled invoice of ours that no token names": ({ mine, foreign }) => credential(mine.macaroon, foreign.preimage),
  "a settled invoice of another customer": ({ mine, other }) => credential(mine.macaroon, other.preimage),
  "another's macaroon with our preimage": ({ mine, other }) => credential(other.macaroon, mine.preimage),
  "an identifier changed to another's payment": ({ mine, other }) =>
    credential(withIdentifier(mine.macaroon, other.paymentHash, mine.tokenId), other.preimage),
  "an identifier changed to a payment that no token names": ({ mine, foreign }) =>
    credential(withIdentifier(mine.macaroon, foreign.paymentHash, mine.tokenId), foreign.preimage),
  "an identifier changed to another's account": ({ mine, other }) =>
    credential(withIdentifier(mine.macaroon, mine.paymentHash, other.tokenId), mine.preimage),
  "another's signature": ({ mine, other }) =>
    credential({ ...mine.macaroon, signature: other.macaroon.signature }, mine.preimage),
  "a zero signature": ({ mine }) => credential({ ...mine.macaroon, signature: new Uint8Array(32) }, mine.preimage),
  "no caveats": ({ mine }) => credential(withCaveats(mine.macaroon, []), mine.preimage),
  "a better tier": ({ mine }) => credential(withCaveats(mine.macaroon, [servicesCaveat(4)]), mine.preimage),
  "a better tier appended": ({ mine }) => credential(narrowed(mine.macaroon, servicesCaveat(4)), mine.preimage),
  "a caveat cut from a narrowed token": ({ mine }) =>
    credential(withCaveats(narrowed(mine.macaroon, "satrank_valid_until=1"), [tier0]), mine.preimage),
  "a budget cut from a child": ({ mine }) =>
    credential(withCaveats(narrowed(mine.macaroon, "satrank_max_sats=0"), [tier0]), mine.preimage),
  "caveats in another order": ({ mine }) =>
    credential(withCaveats(narrowed(mine.macaroon, "a=1", "b=2"), [tier0, "b=2", "a=1"]), mine.preimage),
  "a caveat put in between": ({ mine }) =>
    credential(withCaveats(narrowed(mine.macaroon, "a=1"), [tier0, "b=2", "a=1"]), mine.preimage),
  "an end put off": ({ mine }) =>
    credential(narrowed(mine.macaroon, "satrank_valid_until=1", "satrank_valid_until=4000000000"), mine.preimage),
  "a list of operations made longer": ({ mine }) =>
    credential(
      narrowed(
        mine.macaroon,
        "satrank_capabilities=other",
        "satrank_capabilities=other,attackCheap,attackMiddle,attackDear",
      ),
      mine.preimage,
    ),
  "a budget made larger": ({ mine }) =>
    credential(narrowed(mine.macaroon, "satrank_max_sats=0", "satrank_max_sats=1000"), mine.preimage),
  "a condition of ours that nobody knows": ({ mine }) =>
    credential(narrowed(mine.macaroon, "satrank_free=1"), mine.preimage),
  "a condition of ours in capitals": ({ mine }) =>
    credential(narrowed(mine.macaroon, "SatRank_Valid_Until=4000000000"), mine.preimage),
  "a token for another service": ({ mine }) =>
    credential(narrowed(mine.macaroon, "services=elsewhere:0"), mine.preimage),
  "another preimage written into the macaroon": ({ mine, other }) =>
    credential(narrowed(mine.macaroon, `preimage=${other.preimage}`), mine.preimage),
  "the tail cut off": ({ mine }) => ({
    Authorization: `L402 ${toBase64(encodeMacaroon(mine.macaroon).slice(0, -32))}:${mine.preimage}`,
  }),
  "a byte too many": ({ mine }) => ({
    Authorization: `L402 ${toBase64(Uint8Array.from([...encodeMacaroon(mine.macaroon), 0]))}:${mine.preimage}`,
  }),
  "two macaroons in one credential": ({ mine, other }) => ({
    Authorization: `L402 ${text(mine.macaroon)},${text(other.macaroon)}:${mine.preimage}`,
  }),
  "two headers that disagree": ({ mine, other }) => ({
    Authorization: `L402 ${text(mine.macaroon)}:${mine.preimage}, L402 ${text(other.macaroon)}:${other.preimage}`,
  }),
  "a macaroon in hex without its preimage": ({ mine }) => ({
    "Grpc-Metadata-Macaroon": toHex(encodeMacaroon(mine.macaroon)),
  }),
  "a macaroon of a stranger's key": ({ mine }) => {
    const ring = keyRingOf(serverHmac, [randomBytes(32)]);
    const minted = mintToken(serverHmac, ring, {
      paymentHash: mine.paymentHash,
      tokenId: newTokenId(ring, randomBytes(31)),
      caveats: [tier0],
    });
    return { Authorization: `L402 ${toBase64(minted)}:${mine.preimage}` };
  },
  "a macaroon of a stranger's key for our account": ({ mine }) => {
    const key = randomBytes(32);
    const ring = { currentKeyId: mine.tokenId[0]!, keys: [{ keyId: mine.tokenId[0]!, key }] };
    const minted = mintToken(serverHmac, ring, {
      paymentHash: mine.paymentHash,
      tokenId: mine.tokenId,
      caveats: [tier0],
    });
    return { Authorization: `L402 ${toBase64(minted)}:${mine.preimage}` };
  },
  "an invoice that nobody paid": ({ mine }) => {
    const preimage = randomBytes(32);
    const paymentHash = createHash("sha256").update(preimage).digest();
    return credential(withIdentifier(mine.macaroon, paymentHash, mine.tokenId), toHex(preimage));
  },
};

test("no forged credential is served on any route, and none moves a msat", async () => {
  const actors = await stage();
  const before = await debits();
  for (const [name, forge] of Object.entries(forgeries)) {
    for (const route of routes) {
      const headers = forge(actors);
      const answer = await call(route, headers);
      expect([name, route.operation, answer.status]).toEqual([
        name,
        route.operation,
        expect.toSatisfy((status) => [401, 402].includes(status)),
      ]);
    }
  }
  expect(await debits()).toEqual(before);
  expect(await balance(actors.mine.tokenId)).toBe(50_000n - CHEAP.price);
  // The forgeries were good ones: what they were made from is served.
  expect((await call(CHEAP, credential(actors.mine.macaroon, actors.mine.preimage))).status).toBe(200);
});

test("a token that was withdrawn, and what was made from it, is never served again", async () => {
  const { mine } = await stage();
  const own = credential(mine.macaroon, mine.preimage);
  const child = credential(narrowed(mine.macaroon, "satrank_max_sats=40"), mine.preimage);
  const keyed = { ...own, "Idempotency-Key": "kept" };
  expect((await call(MIDDLE, child)).status).toBe(200);
  expect((await call(MIDDLE, keyed)).status).toBe(200);
  await tokenTable(database.pool).revoke(mine.tokenId, now());
  const before = await debits();
  for (const route of routes)
    for (const headers of [own, child, keyed, { ...own, "Idempotency-Key": randomBytes(6).toString("hex") }])
      expect((await call(route, headers)).body).toMatchObject({ status: 402, code: "TOKEN_REVOKED" });
  expect(await debits()).toEqual(before);
});

test("the rest of an account is out of a child's reach, also through what it is offered to pay", async () => {
  const { mine } = await stage();
  const child = narrowed(mine.macaroon, "satrank_max_sats=2");
  for (const status of [200, 200, 402])
    expect((await call(MIDDLE, credential(child, mine.preimage))).status).toBe(status);
  const offer = (await call(MIDDLE, credential(child, mine.preimage))).body;
  const left = await balance(mine.tokenId);
  // What is paid for through it opens an account of its own, and that one has no more than was paid.
  const bought = decodeMacaroon(fromBase64(offer.macaroon)!);
  const preimage = api.lnd.pay(offer.invoice, 1_000n);
  expect((await call(MIDDLE, credential(bought, preimage))).status).toBe(200);
  expect((await call(MIDDLE, credential(bought, preimage))).status).toBe(402);
  // Nor does a child that was made of it, or the new payment beside the old macaroon.
  expect((await call(MIDDLE, credential(child, preimage))).status).toBe(401);
  expect((await call(MIDDLE, credential(child, mine.preimage))).status).toBe(402);
  const deposit = await request(api.app)
    .post("/api/deposit")
    .set(credential(child, mine.preimage))
    .send({ amountSat: 21, topUp: true });
  expect(deposit.status).toBe(403);
  expect(await balance(mine.tokenId)).toBe(left);
});

test("a top-up is credited to the account it was offered to, whoever pays it, and opens no other", async () => {
  const [mine, other] = [await buy(MIDDLE, 1_000n), await buy(MIDDLE, 1_000n)];
  for (const each of [mine, other])
    expect((await call(MIDDLE, credential(each.macaroon, each.preimage))).status).toBe(200);
  const offer = (await call(MIDDLE, credential(mine.macaroon, mine.preimage))).body;
  const preimage = api.lnd.pay(offer.invoice, 5_000n);
  // The other customer paid it, and tries it on their own macaroon.
  expect((await call(MIDDLE, credential(other.macaroon, preimage))).status).toBe(401);
  expect((await call(MIDDLE, credential(other.macaroon, other.preimage))).status).toBe(402);
  expect((await call(MIDDLE, credential(decodeMacaroon(fromBase64(offer.macaroon)!), preimage))).status).toBe(200);
  expect([await balance(mine.tokenId), await balance(other.tokenId)]).toEqual([4_000n, 0n]);
});

const pairs = routes.flatMap((bought) => routes.map((called) => ({ bought, called })));
test.each(pairs)(
  "a token of $bought.operation pays the price of $called.operation there, to the msat, in every tier",
  async ({ bought, called }) => {
    for (const { tier } of TIERS) {
      const token = await buy(bought, 0n as Msat);
      const macaroon = mintToken(serverHmac, api.keyRing, {
        paymentHash: token.paymentHash,
        tokenId: token.tokenId,
        caveats: [servicesCaveat(tier)],
      });
      const headers = { Authorization: `L402 ${toBase64(macaroon)}:${token.preimage}` };
      const price = priceAt(tier, called.price);
      await tokenTable(database.pool).credit({ ...token, amount: msat(2n * price - 1n), settledAt: now(), at: now() });
      const before = await debits();
      const served = await call(called, headers);
      expect([served.status, served.headers["x-satrank-cost-msat"]]).toEqual([200, String(price)]);
      // One msat is missing for a second call.
      expect((await call(called, headers)).status).toBe(402);
      const after = await debits();
      expect({ count: after.count - before.count, amount: after.amount - before.amount }).toEqual({
        count: 1,
        amount: price,
      });
      expect(await balance(token.tokenId)).toBe(price - 1n);
    }
  },
);

test("afterwards the books hold", async () => {
  expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
  expect(DEAR.price).not.toBe(MIDDLE.price);
});
