/**
 * A gRPC-shaped caller through the door. aperture's ClientInterceptor, as a model of its source: a call that fails with code 13
 * or 2 and "payment required" in its message is paid for, and sent again with the macaroon in the metadata.
 */
import { createHmac } from "node:crypto";
import http from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { holderOn, read } from "../../testing/holder.ts";
import { startTollApi, type Toll } from "../../testing/toll-api.ts";

let database: TestDatabase;
let api: Toll;
beforeAll(async () => {
  database = await openTestDatabase(10);
  api = await startTollApi(database.pool);
});
beforeEach(() => {
  api.lnd.state.dead = false;
});
afterAll(async () => {
  await api.close();
  await database.close();
});

type Reply = {
  status: number;
  type: string;
  code: number;
  message: string;
  lines: string[];
  retry?: string;
  body: string;
};

function call(metadata: http.OutgoingHttpHeaders = {}, path = "/api/toll", at: Toll = api): Promise<Reply> {
  const headers = { "Content-Type": "application/grpc+proto", TE: "trailers", ...metadata };
  return new Promise((resolve, reject) => {
    const request = http.request(`${at.origin}${path}`, { method: "POST", headers }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers["content-type"] ?? "",
          code: Number(response.headers["grpc-status"]),
          message: decodeURIComponent(String(response.headers["grpc-message"])),
          lines: response.headersDistinct["www-authenticate"] ?? [],
          ...(response.headers["retry-after"] !== undefined && { retry: response.headers["retry-after"] }),
          body,
        }),
      );
    });
    request.once("error", reject);
    request.end(Buffer.from([0, 0, 0, 0, 0]));
  });
}

/** The hex of version 2 bytes with a caveat appended, as the Go library writes it. */
function withPreimage(macaroon: string, preimage: string): string {
  const bytes = Buffer.from(macaroon, "base64");
  const text = Buffer.from(`preimage=${preimage}`);
  const signature = createHmac("sha256", bytes.subarray(-32)).update(text).digest();
  const packet = Buffer.from([0x02, text.length, ...text, 0x00]);
  const end = Buffer.from([0x00, 0x06, 0x20]);
  return Buffer.concat([bytes.subarray(0, -35), packet, end, signature]).toString("hex");
}

/** What the interceptor does with its first answer. */
function offerIn({ code, message, lines }: Reply): { macaroon: string; invoice: string } | undefined {
  const isPaymentRequired = message.includes("payment required") && (code === 13 || code === 2);
  const found = lines.map((line) => /(?:LSAT|L402) macaroon="(.*?)", invoice="(.*?)"/.exec(line)).find((each) => each);
  const [, macaroon, invoice] = found ?? [];
  return isPaymentRequired && macaroon && invoice ? { macaroon, invoice } : undefined;
}

test("the interceptor finds the offer and pays; its token is taken, and the answer says that we speak JSON", async () => {
  const first = await call();
  expect(first).toMatchObject({ status: 200, type: "application/grpc", code: 13, body: "" });
  const offer = offerIn(first)!;
  const preimage = api.lnd.pay(offer.invoice);
  const served = api.handler.served;
  for (const name of ["Macaroon", "Grpc-Metadata-Macaroon"]) {
    const second = await call({ [name]: withPreimage(offer.macaroon, preimage) });
    // It cannot complete: there is no gRPC service here, only answers that gRPC callers understand.
    expect(second).toMatchObject({ status: 200, code: 12, lines: [] });
    expect(second.message).toContain("send JSON");
  }
  expect(api.handler.served).toBe(served);
  const json = await holderOn(api).call({ macaroon: offer.macaroon, preimage });
  expect([json.status, json.headers.get("x-satrank-cost-msat")]).toEqual([200, "1000"]);
  expect(read(offer.macaroon).caveats).toEqual(["services=satrank:0"]);
});

test("each refusal has its code, and none of them looks like an offer", async () => {
  const busy = await startTollApi(database.pool, { challengesPerMinute: 1 });
  await fetch(`${busy.origin}/api/toll/hello`);
  const limited = await call({}, "/api/toll", busy);
  expect(limited).toMatchObject({ status: 200, code: 8, lines: [] });
  expect(limited.retry).toMatch(/^\d+$/);
  await busy.close();

  const forged = await call({ Authorization: `L402 AAAA:${"00".repeat(32)}` });
  expect(forged).toMatchObject({ status: 200, code: 16, lines: [] });
  expect(await call({ "X-Operator-Token": "wrong" })).toMatchObject({ status: 200, code: 7 });
  expect(await call({}, "/api/balance")).toMatchObject({ status: 200, code: 12 });
  expect(await call({}, "/api/nowhere")).toMatchObject({ status: 200, code: 5 });
  expect(await call({}, "/api/token/rotate")).toMatchObject({ status: 200, code: 16 });
  expect(await call({}, "/api/deposit")).toMatchObject({ status: 200, code: 12 });
  api.lnd.state.dead = true;
  const away = await call({ "User-Agent": "another" });
  expect(away).toMatchObject({ status: 200, code: 14, lines: [] });
  expect(away.retry).toMatch(/^\d+$/);
  for (const reply of [limited, forged, away]) expect(offerIn(reply)).toBeUndefined();
});

test("what is counted is the refusal, not the HTTP 200 around it", async () => {
  await call({ Authorization: `L402 AAAA:${"00".repeat(32)}` });
  const counted = /http_request_duration_seconds_count\{operation="toll",status="401"\}/;
  await expect.poll(async () => counted.test(await api.metrics())).toBe(true);
});
