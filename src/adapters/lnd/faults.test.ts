/** A node that dies, comes back, changes its certificate, falls silent or vanishes, seen through a real gRPC connection. */
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { startTcpProxy, type TcpProxy } from "../../testing/tcp-proxy.ts";
import { callLnd } from "./call.ts";
import { closeLnd, connectLnd, type LndClient, type LndEvent, renewLnd } from "./connect.ts";
import { subscribeInvoices } from "./subscribe-invoices.ts";

const macaroonHex = "0201036c6e64";
let node: TestNode;
let proxy: TcpProxy;
let client: LndClient;
let events: LndEvent[];
beforeEach(async () => {
  node = await startTestNode();
  node.unary.GetInfo = () => ({ alias: "here" });
  proxy = await startTcpProxy(node.host);
  events = [];
  client = connect();
});
afterEach(async () => {
  vi.useRealTimers();
  closeLnd(client);
  await proxy.close();
  node.kill();
});

function connect(deadlineMs = 300): LndClient {
  const { cert: tlsCert } = node.certificate;
  return connectLnd({ host: proxy.host, tlsCert, macaroonHex, deadlineMs, onEvent: (event) => events.push(event) });
}

const ask = (deadlineMs?: number) => callLnd(client, "GetInfo", {}, { ...(deadlineMs && { deadlineMs }) });
/** Resolves when the node answers again. */
const recovers = () =>
  expect.poll(
    () =>
      ask(20_000).then(
        () => "answered",
        () => "failed",
      ),
    { timeout: 25_000 },
  );
const connections = () => events.flatMap((event) => (event.kind === "connection" ? [event.state] : []));
const breakers = () => events.flatMap((event) => (event.kind === "breaker" ? [event.state] : []));
const outcomes = () => events.flatMap((event) => (event.kind === "call" ? [event.outcome] : []));

test("a node that was killed is called again when it is back on its port", async () => {
  await ask(20_000);
  await proxy.set("refuse");
  await expect(ask()).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  await proxy.set("pass");
  await recovers().toBe("answered");
  expect(connections()).toEqual(["connected", "disconnected", "connected"]);
  expect(outcomes()).toContain("unavailable");
});

test("a node that comes back with another certificate is refused until ours is renewed, and then answers", async () => {
  await ask(20_000);
  const other = await startTestNode();
  other.unary.GetInfo = () => ({ alias: "renewed" });
  await proxy.set("refuse");
  await proxy.set("pass", other.host);
  await expect(ask(20_000)).rejects.toMatchObject({ message: expect.stringContaining("another certificate") });
  expect(renewLnd(client, { tlsCert: node.certificate.cert, macaroonHex })).toBe(false);
  expect(() => renewLnd(client, { tlsCert: Buffer.from("no"), macaroonHex })).toThrow(/PEM/);
  expect(renewLnd(client, { tlsCert: other.certificate.cert, macaroonHex })).toBe(true);
  await recovers().toBe("answered");
  expect((await ask(20_000)).fields["alias"]).toBe("renewed");
  other.kill();
});

test("a host that accepts connections and says nothing is left, however long it lasted, when it speaks again", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  await proxy.set("refuse");
  await expect(ask()).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  await proxy.set("swallow");
  await expect.poll(() => proxy.open(), { timeout: 20_000 }).toBeGreaterThan(0);
  await proxy.set("pass");
  await vi.advanceTimersByTimeAsync(10_000);
  vi.useRealTimers();
  await recovers().toBe("answered");
});

test("a host that vanished with the connection open is found out by the keepalive", async () => {
  await ask(20_000);
  await proxy.set("freeze");
  // What is on its way is lost for good, as with a host that was switched off.
  const lost = ask(25_000).catch((error: unknown) => error);
  await expect.poll(() => connections(), { timeout: 25_000 }).toEqual(["connected", "disconnected"]);
  await expect(lost).resolves.toMatchObject({ code: "LND_UNAVAILABLE" });
  await proxy.set("pass");
  await recovers().toBe("answered");
});

test("a subscription ends with the node and begins again at the index it had reached", async () => {
  const seen: string[] = [];
  node.stream.SubscribeInvoices = (stream) => {
    seen.push(String(stream.request["settle_index"]));
    stream.write({
      r_hash: Buffer.alloc(32, seen.length),
      state: "SETTLED",
      settle_index: String(seen.length + 4),
      settle_date: "1800000000",
      amt_paid_msat: "1000",
      memo: "x",
    });
  };
  let reached = 4n;
  for (let times = 0; times < 2; times++) {
    await proxy.set("pass");
    const follow = async () => {
      for await (const invoice of subscribeInvoices(client, { afterSettleIndex: reached })) {
        reached = invoice.settleIndex;
        await proxy.set("refuse");
      }
    };
    await expect
      .poll(() => follow().catch((error: { code: string }) => error.code), { timeout: 20_000 })
      .toBe("LND_UNAVAILABLE");
    while (times === 1 && seen.length < 2) await follow().catch(() => undefined);
  }
  expect(seen).toEqual(["4", "5"]);
  expect(reached).toBe(6n);
});

describe("breakers", () => {
  const silent = () => new Promise<object>(() => {});
  const failures = async (count: number, work: () => Promise<unknown>) => {
    for (let n = 0; n < count; n++) await work().catch(() => undefined);
  };

  test("a node that does not answer is not waited for any more, for that call alone, and is tried again", async () => {
    node.unary.AddInvoice = silent;
    await ask(20_000);
    await failures(5, () => callLnd(client, "AddInvoice", {}));
    expect(breakers()).toEqual(["open"]);
    await expect(callLnd(client, "AddInvoice", {})).rejects.toMatchObject({
      code: "LND_UNAVAILABLE",
      message: expect.stringContaining("left alone"),
    });
    await ask(20_000);
    node.unary.AddInvoice = () => ({ payment_request: "lnbcrt1" });
    await expect
      .poll(
        () =>
          callLnd(client, "AddInvoice", {}, { deadlineMs: 20_000 }).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    expect(breakers().slice(-1)).toEqual(["closed"]);
    expect(outcomes()).toEqual(expect.arrayContaining(["ok", "deadline", "paused"]));
  });

  test.each([
    { name: "answers of every kind", work: () => callLnd(client, "LookupInvoice", {}, { deadlineMs: 20_000 }) },
    { name: "deadlines shorter than ours", work: () => callLnd(client, "QueryRoutes", {}, { deadlineMs: 20 }) },
    { name: "calls given up", work: () => callLnd(client, "QueryRoutes", {}, { signal: AbortSignal.timeout(20) }) },
    { name: "payments that hang at the payee", work: () => callLnd(client, "SendToRouteV2", {}, { deadlineMs: 300 }) },
  ])("$name open none", async ({ work }) => {
    await ask(20_000);
    const codes = [status.UNKNOWN, status.NOT_FOUND, status.INVALID_ARGUMENT, status.ALREADY_EXISTS, status.INTERNAL];
    let asked = 0;
    node.unary.LookupInvoice = () => new Refusal(codes[asked++ % codes.length]!, "no");
    node.unary.QueryRoutes = silent;
    node.unary.SendToRouteV2 = silent;
    await failures(8, work);
    expect(breakers()).toEqual([]);
    expect(outcomes()).not.toContain("paused");
  });
});
