import { expect, test } from "vitest";
import { OracleError } from "../../core/errors.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { type ChallengePorts, type ChallengeRequest, issueChallenge } from "./issue-challenge.ts";

const now = unixSeconds(1_800_000_000);
const hash = (n: number) => new Uint8Array(32).fill(n);

/** Ports over one shelf of invoices by client, and a record of what LND was asked. */
function world(change: Partial<ChallengePorts> = {}) {
  const asked: { amount: bigint; memo: string; expirySec: number }[] = [];
  const canceled: Uint8Array[] = [];
  const shelf = new Map<string, { paymentHash: Uint8Array; invoice: string }>();
  const clients = new Map<bigint, string | undefined>();
  let released = 0;
  let points = 0;
  let tokens = 0;
  const ports: ChallengePorts = {
    async addInvoice(invoice) {
      asked.push(invoice);
      return { paymentHash: hash(asked.length), invoice: `lnbcrt${asked.length}` };
    },
    cancelInvoice: async (paymentHash) => canceled.push(paymentHash),
    newTokenId: () => new Uint8Array(32).fill(++tokens),
    mint: ({ paymentHash, tokenId, caveats }) => new TextEncoder().encode(`${paymentHash[0]}/${tokenId[0]}/${caveats}`),
    clientDigest: (text) => new TextEncoder().encode(text),
    async takeChallenge() {
      points += 1;
      return { allowed: true };
    },
    invoices: {
      together: (_client, work) => work(),
      find: async (client) => shelf.get(String(client)),
      whenMade: async () => undefined,
      async claim({ client }) {
        const slotId = BigInt(clients.size);
        clients.set(slotId, client && String(client));
        return { outcome: "claimed", slotId };
      },
      async fill(slotId, { paymentHash, invoice }) {
        const client = clients.get(slotId);
        if (client !== undefined) shelf.set(client, { paymentHash, invoice });
      },
      async release() {
        released += 1;
      },
    },
    limits: { expirySec: 600, perPrefix: 30, total: 5_000 },
    ...change,
  };
  return { ports, asked, canceled, released: () => released, points: () => points };
}

const request: ChallengeRequest = {
  amount: msat(1_000n),
  operation: "intent",
  client: { address: "192.0.2.7", prefix: "192.0.2.0/24", agent: "lnget/1" },
  shareable: true,
  now,
};

async function issue(ports: ChallengePorts, change: Partial<ChallengeRequest> = {}) {
  const offer = await issueChallenge(ports, { ...request, ...change });
  if (!offer.offered) throw new Error(offer.limit);
  return { ...offer.challenge, text: new TextDecoder().decode(offer.challenge.macaroon) };
}

test.each([
  { amount: 0n, want: 1_000n },
  { amount: 1n, want: 1_000n },
  { amount: 1_000n, want: 1_000n },
  { amount: 1_001n, want: 2_000n },
])("$amount msat are asked for as $want", async ({ amount, want }) => {
  const { ports, asked } = world();
  expect((await issue(ports, { amount: msat(amount) })).amount).toBe(want);
  expect(asked).toEqual([{ amount: want, memo: "SatRank intent", expirySec: 600 }]);
});

test("who asks again is handed the same invoice and another macaroon, and is counted once", async () => {
  const { ports, asked, points } = world();
  const [first, second] = [await issue(ports), await issue(ports)];
  expect(second.invoice).toBe(first.invoice);
  expect([first.text, second.text]).toEqual(["1/1/services=satrank:0", "1/2/services=satrank:0"]);
  expect([first.reused, second.reused]).toEqual([false, true]);
  expect(asked).toHaveLength(1);
  expect(points()).toBe(1);
});

const topUp = { tokenId: hash(9), caveats: ["services=satrank:0", "satrank_ip=192.0.2.7"] };

test.each([
  { name: "another address", change: { client: { ...request.client, address: "192.0.2.8" } } },
  { name: "another agent", change: { client: { ...request.client, agent: "lnget/2" } } },
  { name: "another idempotency key", change: { client: { ...request.client, retryKey: "k" } } },
  { name: "another operation", change: { operation: "top" } },
  { name: "another amount", change: { amount: msat(2_000n) } },
  { name: "a top-up", change: { topUp } },
  { name: "an invoice for one caller alone", change: { shareable: false } },
])("$name has an invoice of its own", async ({ change }) => {
  const { ports } = world();
  const first = await issue(ports);
  expect((await issue(ports, change)).invoice).not.toBe(first.invoice);
});

test("an invoice for one caller, or of more than ten satoshis, is handed out once", async () => {
  const { ports, asked } = world();
  for (const change of [{ shareable: false }, { amount: msat(10_001n) }]) {
    await issue(ports, change);
    await issue(ports, change);
  }
  expect(asked).toHaveLength(4);
});

test("a top-up keeps its account and its caveats, and its invoice is shared by account whatever the amount", async () => {
  const { ports, asked } = world();
  const deposit = { operation: "deposit", amount: msat(10_000_000n), shareable: false };
  const [first, second] = [await issue(ports, { ...deposit, topUp }), await issue(ports, { ...deposit, topUp })];
  expect(first.text).toBe("1/9/services=satrank:0,satrank_ip=192.0.2.7");
  expect(second.text).toBe(first.text);
  await issue(ports, { ...deposit, topUp: { ...topUp, tokenId: hash(8) } });
  expect(asked).toHaveLength(2);
});

test.each([
  { outcome: "full" as const, code: "RATE_LIMITED", limit: "outstanding" },
  { outcome: "crowded" as const, code: "OVERLOADED", limit: "outstanding-all" },
])("$outcome is declined as $code, with the time to wait, and LND is not asked", async ({ outcome, code, limit }) => {
  const { ports, asked } = world();
  ports.invoices.claim = async () => ({ outcome, retryAfterSec: 17 });
  expect(await issueChallenge(ports, request)).toEqual({ offered: false, code, limit, retryAfterSec: 17 });
  expect(asked).toEqual([]);
});

test("a minute that is used up is declined before anything is claimed", async () => {
  const { ports } = world({ takeChallenge: async () => ({ allowed: false, retryAfterSec: 40, of: "prefix" }) });
  ports.invoices.claim = async () => {
    throw new Error("claimed");
  };
  const declined = { offered: false, limit: "challenge", code: "RATE_LIMITED", retryAfterSec: 40 };
  expect(await issueChallenge(ports, request)).toEqual(declined);
});

test("a fifth of the places is kept for top-ups", async () => {
  const { ports } = world();
  const totals: number[] = [];
  const claim = ports.invoices.claim;
  ports.invoices.claim = (wish) => {
    totals.push(wish.limits.total);
    return claim(wish);
  };
  await issue(ports);
  await issue(ports, { topUp });
  expect(totals).toEqual([4_000, 5_000]);
});

test("a traded invoice is canceled at LND before its place is taken", async () => {
  const { ports, canceled, asked } = world();
  const claim = ports.invoices.claim;
  ports.invoices.claim = async (wish) => {
    if (wish.freed) return claim(wish);
    expect(asked).toEqual([]);
    return { outcome: "trade", paymentHash: hash(5) };
  };
  await issue(ports);
  expect(canceled).toEqual([hash(5)]);
});

test("when LND cannot cancel, nothing is claimed in its place", async () => {
  const { ports, asked } = world({
    cancelInvoice: async () => {
      throw new OracleError("LND_UNAVAILABLE", "down");
    },
  });
  ports.invoices.claim = async () => ({ outcome: "trade", paymentHash: hash(5) });
  await expect(issue(ports)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  expect(asked).toEqual([]);
});

test("trading ends although others are always faster", async () => {
  const { ports, canceled } = world();
  ports.invoices.claim = async () => ({ outcome: "trade", paymentHash: hash(5) });
  expect(await issueChallenge(ports, request)).toMatchObject({ offered: false, limit: "outstanding" });
  expect(canceled).toHaveLength(4);
});

test("a place is given back when LND makes no invoice, and the failure is LND's", async () => {
  const { ports, released } = world({
    addInvoice: async () => {
      throw new OracleError("LND_UNAVAILABLE", "down");
    },
  });
  await expect(issue(ports)).rejects.toMatchObject({ code: "LND_UNAVAILABLE", message: "down" });
  expect(released()).toBe(1);
});

test("an invoice that another process is making is waited for, and its failure is told", async () => {
  const { ports, asked } = world();
  ports.invoices.find = async () => "pending";
  ports.invoices.whenMade = async () => ({ paymentHash: hash(7), invoice: "lnbcrt7" });
  expect(await issue(ports)).toMatchObject({ invoice: "lnbcrt7", reused: true });
  ports.invoices.whenMade = async () => undefined;
  await expect(issue(ports)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  expect(asked).toEqual([]);
});
