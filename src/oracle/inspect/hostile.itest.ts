/**
 * Hostile endpoints, called as customers call them, over the guarded client and on a real database. Each call ends, pays for nothing
 * that is not right, and holds against an endpoint only what anybody would have met.
 */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openGuardedClient } from "../../adapters/http/guarded-client.ts";
import { endpointProbeTable } from "../../adapters/postgres/endpoint-probe.ts";
import { askEndpoint } from "../../apps/endpoint-calls.ts";
import type { InvoiceDraft } from "../../core/bolt11/encode.ts";
import { decodeCall } from "../../core/evidence/call.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { foreignInvoice, foreignToken, l402Line, OFFERED_AT } from "../../testing/foreign-offer.ts";
import { HOSTILE_FRAMING } from "../../testing/hostile/framing.ts";
import { HOSTILE_PACE } from "../../testing/hostile/pace.ts";
import { type Behaviour, type ServerCase, sayAndEnd, startHostileServer } from "../../testing/hostile/server.ts";
import { HOSTILE_SIZES } from "../../testing/hostile/sizes.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { probeEndpoint } from "./probe-endpoint.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const CADENCE = { everySec: 3_600, paidEverySec: 3_600 };
/** Shorter than in use, so that servers that never end are tried in reasonable time. */
const QUICK = { timeoutMs: 400, connectMs: 300, maxBodyBytes: 262_144, maxHeaderBytes: 16_384 };

type Sale = { preimage: Uint8Array; line: string };

function newSale(draft: Partial<InvoiceDraft> = {}): Sale {
  const preimage = new Uint8Array(randomBytes(32));
  const paymentHash = new Uint8Array(createHash("sha256").update(preimage).digest());
  return { preimage, line: l402Line(foreignToken(paymentHash), foreignInvoice({ paymentHash, ...draft })) };
}

/** Calls what `serve` does, connection by connection, and may pay for it. */
async function call(serve: (connection: number) => Behaviour, { sale = newSale(), atOnce = false } = {}) {
  let connections = 0;
  const server = await startHostileServer((socket) => {
    connections += 1;
    serve(connections)(socket);
  }, atOnce);
  const address = `127.0.0.1:${server.port}`;
  const egress = openGuardedClient({ ports: [server.port], allow: [address] });
  const [inserted] = await insertEndpoints(database.pool, [
    { url: `http://${address}/${randomBytes(4).toString("hex")}` },
  ]);
  const { id: endpointId, urlHash } = inserted!;
  let payments = 0;
  const finding = await probeEndpoint(
    {
      ...endpointProbeTable(database.pool),
      ask: askEndpoint((request) => egress.fetch({ ...request, limits: { ...request.limits, ...QUICK } })),
      async pay() {
        payments += 1;
        return { state: "succeeded", preimage: sale.preimage };
      },
      self: async () => ({ nodePubkey: `02${"77".repeat(32)}`, network: "bcrt" }),
      newAttempt: () => randomBytes(32).toString("hex"),
      random: () => 0.5,
      now: () => OFFERED_AT,
    },
    { jobId: randomUUID(), endpointId, mayPay: true },
    { cadence: CADENCE, signal: new AbortController().signal },
  );
  server.resume();
  await expect.poll(server.open).toBe(0);
  egress.close();
  await server.close();
  const { rows } = await database.pool.query(
    "SELECT entry FROM evidence WHERE kind = 'call' AND entry::jsonb ->> 6 = $1",
    [urlHash],
  );
  const { rows: probes } = await database.pool.query("SELECT state, token FROM endpoint_probe WHERE endpoint_id = $1", [
    endpointId,
  ]);
  expect(probes).toEqual([{ state: "ended", token: null }]);
  expect(finding).toBeDefined();
  return { finding: finding!, payments, evidence: rows.map(({ entry }) => decodeCall(entry).call) };
}

/** These send no long questions, as calls do not. */
const SERVERS = [...HOSTILE_FRAMING, ...HOSTILE_SIZES, ...HOSTILE_PACE].filter(({ send }) => send === undefined);

/** Those that end by themselves, once they were asked. */
const BROKEN = [...HOSTILE_FRAMING, ...HOSTILE_SIZES].filter(({ send, atOnce }) => send === undefined && !atOnce);

describe(`${SERVERS.length} servers that answer no question properly`, () => {
  test.each(SERVERS)("$name", async ({ serve, atOnce }: ServerCase) => {
    const { finding, payments, evidence } = await call(() => serve, { atOnce: atOnce ?? false });
    expect(payments).toBe(0);
    expect(finding.stage).toBe("challenge");
    expect(finding.verdict).not.toBe("good");
    // What is held against it is what was found, and nothing is said of what it may not have done.
    expect(evidence.map(({ stage, good, code }) => `${stage} ${good} ${code}`)).toEqual(
      finding.verdict === "bad" ? [`challenge false ${finding.code}`] : [],
    );
  });
});

const head = (status: string, ...lines: string[]) =>
  `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join("")}Content-Length: 0\r\n\r\n`;
const demand = (line: string) => sayAndEnd(head("402 Payment Required", `WWW-Authenticate: ${line}`));

const hash = new Uint8Array(32).fill(4);
const OFFERS: [string, () => string, string][] = [
  ["a macaroon of 12 kB", () => l402Line("A".repeat(12_000)), "challenge bad TOKEN_TOO_LONG"],
  [
    "an invoice of 8,000 characters",
    () => l402Line(undefined, `lnbcrt1${"q".repeat(8_000)}`),
    "invoice bad INVOICE_MALFORMED",
  ],
  [
    "an invoice of nothing",
    () => `L402 macaroon="${foreignToken()}", invoice=""`,
    "challenge bad CHALLENGE_UNREADABLE",
  ],
  ["another's invoice beside its own token", () => l402Line(foreignToken(hash)), "invoice bad HASH_DIFFERS"],
  ["an invoice without an amount", () => newSale({ amount: undefined as never }).line, "invoice bad AMOUNT_MISSING"],
  ["an invoice on mainnet", () => newSale({ network: "bc" }).line, "invoice unknown OTHER_NETWORK"],
  [
    "an invoice that has expired",
    () => newSale({ timestamp: 1_700_000_000 as never }).line,
    "invoice bad INVOICE_EXPIRED",
  ],
  [
    "an invoice of the year 3000",
    () => newSale({ timestamp: 32_500_000_000 as never }).line,
    "invoice bad INVOICE_FROM_FUTURE",
  ],
  [
    "an invoice that locks money for a year",
    () => newSale({ minFinalCltvExpiry: 52_560 }).line,
    "invoice bad LOCKS_TOO_LONG",
  ],
  ["a Lightning address", () => l402Line(undefined, "shop@shop.example"), "invoice bad INVOICE_MALFORMED"],
  [
    "an LNURL",
    () => l402Line(undefined, "LNURL1DP68GURN8GHJ7MRWW4EXCTNXD9SHG6NPVCHXXMMD9AKXUATJDSKHQCTE8AEK2UMND9HKU0"),
    "invoice bad INVOICE_MALFORMED",
  ],
  ["a script", () => l402Line(undefined, "<script>alert(1)</script>"), "invoice bad INVOICE_MALFORMED"],
  [
    "twenty challenges, each another",
    () => Array.from({ length: 20 }, () => 'Bearer realm="x"').join(", "),
    "challenge bad CHALLENGE_UNREADABLE",
  ],
];

describe(`${OFFERS.length} offers that nobody should take`, () => {
  test.each(OFFERS)("%s", async (_name, line, want) => {
    const { finding, payments, evidence } = await call(() => demand(line()));
    expect(`${finding.stage} ${finding.verdict} ${finding.code}`).toContain(want);
    expect(payments).toBe(0);
    expect(evidence.every(({ stage }) => stage === "challenge" || stage === "invoice")).toBe(true);
  });
});

/** What comes after the money. */
const AFTERWARDS: [string, Behaviour, string][] = [
  ["asks for it again", demand(newSale().line), "delivery bad ASKED_TO_PAY_AGAIN"],
  ["does not know its own token", sayAndEnd(head("401 Unauthorized")), "delivery bad PAID_AND_REFUSED"],
  ["fails", sayAndEnd(head("500 Internal Server Error")), "delivery bad STATUS_5XX"],
  [
    "sends elsewhere",
    sayAndEnd(head("302 Found", "Location: http://169.254.169.254/latest/meta-data/")),
    "delivery unknown STATUS_302",
  ],
  ["hangs up", (socket) => socket.destroySoon(), "delivery bad"],
  ["is silent", () => undefined, "delivery bad TIMEOUT"],
  ["sends nothing", sayAndEnd(head("200 OK", "Content-Type: application/json")), "quality bad EMPTY"],
  [
    "sends half of it",
    sayAndEnd("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"),
    "delivery bad",
  ],
  [
    "sends words for JSON",
    sayAndEnd("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"),
    "quality bad BODY_IS_NOT_ITS_TYPE",
  ],
  [
    "apologises",
    sayAndEnd(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"error":"sorry"}'.replace(
        "16",
        "17",
      ),
    ),
    "quality bad ERROR_INSTEAD",
  ],
];

describe(`${AFTERWARDS.length} endpoints that take the money and do not give what it was for`, () => {
  test.each(AFTERWARDS)("%s", async (_name, afterwards, want) => {
    const sale = newSale();
    const { finding, payments, evidence } = await call(
      (connection) => (connection === 1 ? demand(sale.line) : afterwards),
      { sale },
    );
    expect(`${finding.stage} ${finding.verdict} ${finding.code}`).toContain(want);
    expect(payments).toBe(1);
    expect(evidence).toHaveLength(1);
    expect(evidence[0]?.price).toBe(21_000n);
  });

  test.each(BROKEN)("after payment: $name", async ({ serve }: ServerCase) => {
    const sale = newSale();
    const { finding, payments, evidence } = await call((connection) => (connection === 1 ? demand(sale.line) : serve), {
      sale,
    });
    expect(payments).toBe(1);
    expect(["delivery", "quality"]).toContain(finding.stage);
    expect(evidence).toHaveLength(1);
  });
});
