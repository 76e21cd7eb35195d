/** A call on a real database: what it finds, and that a death around any of its steps pays once and convicts nobody. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { endpointProbeTable, takeDueEndpoints } from "../../adapters/postgres/endpoint-probe.ts";
import { evidenceTable } from "../../adapters/postgres/evidence.ts";
import type { InvoiceDraft } from "../../core/bolt11/encode.ts";
import { toHex, utf8 } from "../../core/bytes.ts";
import { readEndpointUrl } from "../../core/endpoint/endpoint.ts";
import { errorCode } from "../../core/errors.ts";
import { decodeCall } from "../../core/evidence/call.ts";
import type { Exchange } from "../../core/inspect/judged.ts";
import type { CallRequest } from "../../core/inspect/request.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { foreignInvoice, foreignToken, l402Line, OFFERED_AT, PAYEE } from "../../testing/foreign-offer.ts";
import { type EndpointJob, type Paid, type ProbeEndpointPorts, probeEndpoint } from "./probe-endpoint.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const NODE = { nodePubkey: `02${"77".repeat(32)}`, network: "bcrt" } as const;
const CADENCE = { everySec: 3_600, paidEverySec: 21_600 };
const signal = new AbortController().signal;

/** An endpoint of its own for each test, and what happened to it. */
let url: string;
let endpointId: bigint;
let asked: CallRequest[];
let payments: string[];
/** Preimage and hash of the invoice that it sells for now. */
let sale: { preimage: Uint8Array; line: string };

beforeEach(async () => {
  const read = readEndpointUrl(`https://${randomBytes(4).toString("hex")}.example/v1`);
  if (typeof read === "string") throw new Error(read);
  url = read.url;
  const { rows } = await database.pool.query(
    `INSERT INTO endpoint (url, url_hash, method, host, listed_at, changed_at) VALUES ($1, $2, 'GET', $3, 0, 0) RETURNING endpoint_id`,
    [read.url, read.id, read.host],
  );
  endpointId = rows[0].endpoint_id;
  asked = [];
  payments = [];
  sale = newSale();
});

function newSale(draft: Partial<InvoiceDraft> = {}) {
  const preimage = new Uint8Array(randomBytes(32));
  const hash = new Uint8Array(createHash("sha256").update(preimage).digest());
  return { preimage, line: l402Line(foreignToken(hash), foreignInvoice({ paymentHash: hash, ...draft })) };
}

const job = (mayPay = true): EndpointJob => ({ jobId: randomUUID(), endpointId, mayPay });

/** An honest endpoint, unless told otherwise. */
function ports(over: Partial<ProbeEndpointPorts> = {}): ProbeEndpointPorts {
  return {
    ...endpointProbeTable(database.pool),
    async ask(request): Promise<Exchange> {
      asked.push(request);
      const credential = request.headers.find(([name]) => name === "authorization");
      return credential ? delivered() : offered();
    },
    async pay(purchase): Promise<Paid> {
      const hash = toHex(purchase.paymentHash);
      if (!payments.includes(hash)) payments.push(hash);
      return { state: "succeeded", preimage: sale.preimage };
    },
    self: async () => NODE,
    newAttempt: () => randomBytes(32).toString("hex"),
    random: () => 0.5,
    now: () => OFFERED_AT,
    ...over,
  };
}

const reply = (status: number, headers: [string, string][], body: string): Exchange => ({
  answered: true,
  answer: { status, headers, body: utf8(body), latencyMs: 40 },
});
const offered = () => reply(402, [["www-authenticate", sale.line]], "");
const delivered = () => reply(200, [["content-type", "application/json"]], '{"sun":true}');

const run = (with_: ProbeEndpointPorts, which = job()) => probeEndpoint(with_, which, { cadence: CADENCE, signal });

const evidence = async () => {
  const id = readEndpointUrl(url);
  const { rows } = await database.pool.query(
    "SELECT entry FROM evidence WHERE kind = 'call' AND entry::jsonb ->> 6 = $1",
    [typeof id === "string" ? "" : id.id],
  );
  return rows.map(({ entry }) => decodeCall(entry));
};

test("a call that is paid for shows all five stages, and the log has it", async () => {
  const finding = await run(ports());
  expect(finding).toEqual({
    stage: "quality",
    verdict: "good",
    code: "OK",
    price: 21_000n,
    payee: PAYEE,
    latencyMs: 40,
    tokenForm: "macaroon",
  });
  expect(asked).toHaveLength(2);
  expect(asked[1]?.headers.at(-1)).toEqual([
    "authorization",
    `L402 ${/macaroon="([^"]+)"/.exec(sale.line)?.[1]}:${toHex(sale.preimage)}`,
  ]);
  expect(await evidence()).toMatchObject([
    {
      source: "probe",
      witness: NODE.nodePubkey,
      call: { method: "GET", stage: "quality", good: true, price: 21_000n, payee: PAYEE, latencyMs: 40 },
    },
  ]);
  const { rows } = await database.pool.query(
    "SELECT state, token, verdict FROM endpoint_probe WHERE endpoint_id = $1",
    [endpointId],
  );
  expect(rows).toEqual([{ state: "ended", token: null, verdict: "good" }]);
});

test("a call that does not pay ends with the invoice", async () => {
  expect(await run(ports(), job(false))).toMatchObject({ stage: "invoice", verdict: "good" });
  expect([asked.length, payments.length]).toEqual([1, 0]);
});

test("what nobody can be blamed for is written down and is no evidence", async () => {
  const ask = async () => reply(422, [], "");
  expect(await run(ports({ ask }))).toMatchObject({ stage: "challenge", verdict: "unknown", code: "STATUS_422" });
  expect(await evidence()).toEqual([]);
});

test("an invoice that was handed out before is not paid again", async () => {
  await run(ports());
  expect(await run(ports())).toMatchObject({ stage: "invoice", verdict: "bad", code: "INVOICE_USED_BEFORE" });
  expect(payments).toHaveLength(1);
});

test("an invoice of a node without channels, and without a hint of any, is one that nobody can pay", async () => {
  const stranded = ports({ isAnnounced: async () => false });
  expect(await run(stranded)).toMatchObject({ stage: "payment", verdict: "bad", code: "NO_WAY_TO_PAYEE" });
  expect(payments).toEqual([]);
  const hop = { nodeKey: new Uint8Array(33).fill(2), channelId: 1n, feeBaseMsat: 0, feeRatePpm: 0, cltvDelta: 40 };
  sale = newSale({ routeHints: [[hop]] });
  expect(await run(stranded)).toMatchObject({ stage: "quality", verdict: "good" });
});

test("a payment that hangs is waited for by the same job, which pays once and fetches once", async () => {
  const which = job();
  const hanging = ports({ pay: async () => ({ state: "open" }) });
  const wait = await run(hanging, which).catch(errorCode);
  expect(wait).toBe("PAYMENT_PENDING");
  expect(await evidence()).toEqual([]);
  expect(await run(ports(), which)).toMatchObject({ stage: "quality", verdict: "good", price: 21_000n, payee: PAYEE });
  expect([asked.length, payments.length]).toEqual([2, 1]);
  expect(await run(ports(), which)).toBeUndefined();
  expect(await evidence()).toHaveLength(1);
});

test.each([
  ["failed", { state: "failed", failure: "incorrect-payment-details" }, "payment bad INVOICE_REFUSED", "payment false"],
  ["found no way", { state: "failed", failure: "no-route" }, "payment unknown NO_ROUTE", "invoice true"],
  ["was over the budget", { state: "refused", reason: "over-day" }, "invoice good OK", "invoice true"],
] as const)("a payment that %s", async (_name, paid, want, proof) => {
  const finding = await run(ports({ pay: async () => paid }));
  expect(`${finding?.stage} ${finding?.verdict} ${finding?.code}`).toBe(want);
  const [seen] = await evidence();
  expect(`${seen?.call.stage} ${seen?.call.good}`).toBe(proof);
  expect(asked).toHaveLength(1);
});

const STEPS = [
  "open",
  "isKnownPayment",
  "isAnnounced",
  "notePurchase",
  "noteDelivery",
  "close",
  "ask",
  "pay",
  "self",
] as const;

test.each(STEPS.flatMap((step) => (["before", "after"] as const).map((when) => ({ step, when }))))(
  "dead $when $step: the job is run again, pays once, fetches once, and blames nobody",
  async ({ step, when }) => {
    const which = job();
    for (let life = 0; life < 40; life += 1) {
      let calls = 0;
      const mortal = dying(ports(), step, when, () => calls++ === life);
      const done = await run(mortal, which).then(
        () => true,
        (error: unknown) => {
          expect(String(error)).toContain("killed");
          return false;
        },
      );
      if (done) break;
      sale = { ...sale };
    }
    expect(payments.length).toBeLessThanOrEqual(1);
    expect(
      asked.filter(({ headers }) => headers.some(([name]) => name === "authorization")).length,
    ).toBeLessThanOrEqual(1);
    const { rows } = await database.pool.query("SELECT state FROM endpoint_probe WHERE endpoint_id = $1", [endpointId]);
    expect(rows).toEqual([{ state: "ended" }]);
    const seen = await evidence();
    expect(seen).toHaveLength(1);
    expect(seen[0]?.call.good).toBe(true);
  },
);

function dying(
  whole: ProbeEndpointPorts,
  step: keyof ProbeEndpointPorts,
  when: "before" | "after",
  now: () => boolean,
) {
  const original = whole[step] as (...input: unknown[]) => unknown;
  const mortal = async (...input: unknown[]) => {
    const dies = now();
    if (dies && when === "before") throw new Error("killed");
    const result = await original(...input);
    if (dies) throw new Error("killed");
    return result;
  };
  return { ...whole, [step]: mortal };
}

test("an endpoint is due at once, then when its call said, and never twice at a time", async () => {
  const take = (at: number) =>
    takeDueEndpoints(database.pool, { now: unixSeconds(at), limit: 1_000, perHost: 2, againSec: 7_200 }).then((due) =>
      due.filter((each) => each.endpointId === endpointId),
    );
  expect(await take(OFFERED_AT)).toEqual([{ endpointId, mayPay: true }]);
  expect(await take(OFFERED_AT)).toEqual([]);
  await run(ports());
  expect(await take(OFFERED_AT + 3_599)).toEqual([]);
  expect(await take(OFFERED_AT + 3_600)).toEqual([{ endpointId, mayPay: false }]);
  expect(await take(OFFERED_AT + 3_600 + 7_199)).toEqual([]);
  expect(await take(OFFERED_AT + 21_600)).toEqual([{ endpointId, mayPay: true }]);
});

test("two processes never take the same endpoint", async () => {
  const at = { now: unixSeconds(OFFERED_AT + 10 ** 6), limit: 1_000, perHost: 2, againSec: 7_200 };
  const taken = await Promise.all(Array.from({ length: 8 }, () => takeDueEndpoints(database.pool, at)));
  const ids = taken.flat().map((each) => each.endpointId);
  expect(ids.length).toBeGreaterThan(5);
  expect(new Set(ids).size).toBe(ids.length);
});

test("the log holds, with what it has of calls", async () => {
  expect((await evidenceTable(database.pool).networkPage(0n, 10)).length).toBe(0);
  expect((await evidenceTable(database.pool).page(0n, 100)).length).toBeGreaterThan(5);
});
