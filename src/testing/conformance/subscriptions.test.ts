/** SubscribeInvoices: what is replayed, what is never told, and what stopping and killing the node does to it. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer, Dialed } from "./dial.ts";
import { listen } from "./listen.ts";
import { type Nodes, openNodes } from "./nodes.ts";

let nodes: Nodes;
let payer: Dialed;
let payee: Dialed;
beforeAll(async () => {
  nodes = await openNodes();
  payer = nodes.payer.admin;
  payee = nodes.payee.admin;
  await payer.call("router.ResetMissionControl");
});
afterAll(() => nodes.close());

const POLL = { timeout: 120_000, interval: 50 };
const make = (request = {}) => payee.call("lightning.AddInvoice", { value_msat: "10000", ...request });
const pay = async (made: Answer) => {
  const request = { payment_request: made.payment_request, fee_limit_msat: "100000", timeout_seconds: 120 };
  return (await payer.all("router.SendPaymentV2", request)).at(-1).status;
};
/** Pays a new invoice and says its settle index. */
async function settleOne(): Promise<number> {
  const made = await make();
  expect(await pay(made)).toBe("SUCCEEDED");
  return Number((await payee.call("lightning.LookupInvoice", { r_hash: made.r_hash })).settle_index);
}
/** Real nodes are restarted by the commands their file names; without them there is nothing to see here. */
const restarts = () => {
  const { stop, start } = nodes;
  if (!stop || !start) throw new Error("name stop, kill and start of each node in CONFORMANCE_NODES");
  return { stop, start };
};
const subscribe = (request: object) => listen(payee, "lightning.SubscribeInvoices", request);
const settled = (rows: Answer[]) =>
  rows.filter(({ state }) => state === "SETTLED").map((row) => Number(row.settle_index));

describe("SubscribeInvoices", () => {
  test("from an index replays what settled after it, in order, then goes on", async () => {
    const top = await settleOne();
    await settleOne();
    await settleOne();
    const heard = subscribe({ settle_index: String(top) });
    await expect.poll(() => settled(heard.seen), POLL).toEqual([top + 1, top + 2]);
    await settleOne();
    await expect.poll(() => settled(heard.seen), POLL).toEqual([top + 1, top + 2, top + 3]);
    heard.stop();
    await heard.ended;
  });

  test("from 0 replays nothing, and sends no headers before it has something to say", async () => {
    const stream = payee.open("lightning.SubscribeInvoices");
    const seen: string[] = [];
    stream.on("metadata", () => seen.push("headers"));
    stream.on("data", (row) => seen.push(row.memo));
    stream.on("error", () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(seen).toEqual([]);
    await make({ memo: "first" });
    await expect.poll(() => seen, POLL).toEqual(["headers", "first"]);
    stream.cancel();
  });

  test("from an index not reached yet hides what comes before it", async () => {
    const top = await settleOne();
    const heard = subscribe({ settle_index: String(top + 3) });
    await expect
      .poll(async () => {
        await make({ memo: "begun" });
        return heard.seen.length;
      }, POLL)
      .toBeGreaterThan(0);
    for (let i = 0; i < 4; i++) await settleOne();
    await expect.poll(() => settled(heard.seen), POLL).toEqual([top + 4]);
    heard.stop();
    await heard.ended;
  });

  test("by add index replays what was added", async () => {
    const first = await make({ memo: "a" });
    await make({ memo: "b" });
    await make({ memo: "c" });
    const heard = subscribe({ add_index: first.add_index });
    await expect.poll(() => heard.seen.map(({ memo }) => memo), POLL).toEqual(["b", "c"]);
    heard.stop();
    await heard.ended;
  });

  test("says nothing of what is canceled, accepted or expires", async () => {
    const heard = subscribe({ add_index: (await make()).add_index });
    const canceled = await make({ memo: "to cancel" });
    await make({ memo: "to expire", expiry: "1" });
    const hash = createHash("sha256").update(randomBytes(32)).digest();
    const held = await payee.call("invoices.AddHoldInvoice", { hash, value_msat: "10000", memo: "to hold" });
    await payee.call("invoices.CancelInvoice", { payment_hash: canceled.r_hash });
    const sending = listen(payer, "router.SendPaymentV2", { ...held, fee_limit_msat: "100000", timeout_seconds: 120 });
    const state = async () => (await payee.call("lightning.LookupInvoice", { r_hash: hash })).state;
    await expect.poll(state, POLL).toBe("ACCEPTED");
    await payee.call("invoices.CancelInvoice", { payment_hash: hash });
    await sending.ended;
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await make({ memo: "last" });
    await expect.poll(() => heard.last()?.memo, POLL).toBe("last");
    expect(heard.seen.map((row) => `${row.state} ${row.memo}`)).toEqual([
      "OPEN to cancel",
      "OPEN to expire",
      "OPEN to hold",
      "OPEN last",
    ]);
    heard.stop();
    await heard.ended;
  });
});

describe("a node that goes", () => {
  test.each([
    // In an orderly stop LND ends its streams and closes its connections, and now and then the connections are first.
    { how: "orderly", invoices: /^(OK|14 .*)$/, graph: /^(OK|2 server shutting down|14 .*)$/ },
    { how: "kill", invoices: /^14 /, graph: /^14 / },
  ] as const)(
    "$how: streams end, indexes go on, and a subscription replays",
    async ({ how, invoices, graph }) => {
      const { stop, start } = restarts();
      const top = await settleOne();
      await settleOne();
      const cancelled = await make();
      await payee.call("invoices.CancelInvoice", { payment_hash: cancelled.r_hash });
      const streams = [subscribe({ settle_index: String(top) }), listen(payee, "lightning.SubscribeChannelGraph")];
      await expect.poll(() => streams[0]!.seen.length, POLL).toBe(1);
      await stop(nodes.payee, how);
      const ends = await Promise.all(streams.map(({ ended }) => ended));
      await start(nodes.payee);
      expect(ends[0]).toMatch(invoices);
      expect(ends[1]).toMatch(graph);
      await payer.call("router.ResetMissionControl");
      const heard = subscribe({ settle_index: String(top) });
      await expect.poll(() => settled(heard.seen), POLL).toEqual([top + 1]);
      const row = await payee.call("lightning.LookupInvoice", { r_hash: cancelled.r_hash });
      expect(row.state).toBe("CANCELED");
      const next = await make();
      expect(Number(next.add_index)).toBe(Number(cancelled.add_index) + 1);
      await expect.poll(() => pay(next), POLL).toBe("SUCCEEDED");
      heard.stop();
      await heard.ended;
    },
    300_000,
  );

  test.each(["orderly", "kill"] as const)(
    "with a payment under way, %s: nobody knows, until it is back and tells",
    async (how) => {
      const { stop, start } = restarts();
      const preimage = randomBytes(32);
      const hash = createHash("sha256").update(preimage).digest();
      const { payment_request } = await payee.call("invoices.AddHoldInvoice", { hash, value_msat: "10000" });
      const sending = listen(payer, "router.SendPaymentV2", {
        payment_request,
        fee_limit_msat: "100000",
        timeout_seconds: 120,
      });
      const state = async () => (await payee.call("lightning.LookupInvoice", { r_hash: hash })).state;
      await expect.poll(state, POLL).toBe("ACCEPTED");
      await stop(nodes.payer, how);
      const end = await sending.ended;
      await start(nodes.payer);
      expect(end).toMatch(how === "kill" ? /^14 / : /^(2 routerrpc server shutting down|14 .*)$/);
      const tracking = listen(payer, "router.TrackPaymentV2", { payment_hash: hash });
      await expect.poll(() => tracking.last()?.status, POLL).toBe("IN_FLIGHT");
      await payee.call("invoices.SettleInvoice", { preimage });
      expect(await tracking.ended).toBe("OK");
      expect(tracking.last()).toMatchObject({ status: "SUCCEEDED", payment_preimage: preimage.toString("hex") });
    },
    300_000,
  );
});
