/** The command as a process of its own: exit codes, and what it says, as scripts see them. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { satrank as runSatrank } from "../../testing/satrank.ts";

const node = `02${"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"}`;
const eventId = "ab".repeat(32);
const intent = ["intent", node, "--caller", node];

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const satrank = (...words: string[]) => runSatrank(words);

/** A port of this machine on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An oracle that asks for a payment, whose payer pays, and which then fails. */
async function failingOracle(): Promise<{ origin: string; asked: string[] }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.url}${request.headers.authorization ? " paid" : ""}`);
    const [status, body] = answerOf(request);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close().closeAllConnections());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function answerOf({ url, headers }: http.IncomingMessage): [number, unknown] {
  if (url === "/demo/pay") return [200, { preimage: "cd".repeat(32) }];
  if (headers.authorization) return [503, { code: "DATABASE_UNAVAILABLE", detail: "our database does not answer" }];
  return [402, { code: "PAYMENT_REQUIRED", detail: "pay", invoice: "lnbc1", macaroon: "bWFj", amountSats: 5 }];
}

test("verify: a relay that is down is unreachable, not a no", async () => {
  const ended = await satrank("verify", eventId, "--relay", `ws://127.0.0.1:${await closedPort()}`);
  expect(ended.err).toContain("RELAY_UNAVAILABLE");
  expect(ended.code).toBe(4);
});

test("an address of another scheme, and two amounts at once, are wrong usage", async () => {
  const [relay, oracle, amounts] = await Promise.all([
    satrank("verify", eventId, "--relay", "nonsense"),
    satrank(...intent, "--url", "nonsense"),
    satrank(...intent, "--amount-sat", "1", "--amount-msat", "1000"),
  ]);
  expect(relay.err).toMatch(/--relay.*nonsense.*ws:\/\/ or wss:\/\//);
  expect(oracle.err).toMatch(/--url.*nonsense.*http:\/\/ or https:\/\//);
  expect(amounts.err).toMatch(/--amount-sat.*cannot be used with.*--amount-msat/);
  expect([relay.code, oracle.code, amounts.code]).toEqual([2, 2, 2]);
});

test("intent: nothing is asked or paid for a name in no known form", async () => {
  const { origin, asked } = await failingOracle();
  const [target, caller] = await Promise.all([
    satrank("intent", "zz", "--caller", node, "--url", origin, "--pay-demo"),
    satrank("intent", node, "--caller", "zz", "--url", origin, "--pay-demo"),
  ]);
  expect(target.err).toMatch(/'zz'.*66-hex/);
  expect(caller.err).toMatch(/'zz'.*66-hex/);
  expect([target.code, caller.code]).toEqual([2, 2]);
  expect(asked).toEqual([]);
});

test("intent: what was paid for is told although the answer failed", async () => {
  const { origin, asked } = await failingOracle();
  const credential = `bWFj:${"cd".repeat(32)}`;
  const [plain, json] = await Promise.all([
    satrank(...intent, "--url", `${origin}/`, "--pay-demo"),
    satrank("--json", ...intent, "--url", origin, "--pay-demo"),
  ]);
  expect(asked.filter((each) => each === "/api/intent paid")).toHaveLength(2);
  expect(plain.err).toContain(`--credential '${credential}'`);
  expect(plain.err).toContain("DATABASE_UNAVAILABLE");
  expect(plain).toMatchObject({ code: 1, out: "" });
  const lines = json.err.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toContainEqual({ credential });
});
