/** What is written is read back, by us and by an independent decoder, and is as short as it can be. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { decode as decodeElsewhere } from "light-bolt11-decoder";
import { expect, test } from "vitest";
import { errorCode } from "../errors.ts";
import { MAX_MSAT, type Msat, type UnixSeconds } from "../units.ts";
import { decodeInvoice } from "./decode.ts";
import { encodeInvoice, type InvoiceDraft } from "./encode.ts";
import type { InvoiceNetwork } from "./invoice.ts";

const KEY = new Uint8Array(32).fill(7);
const PLAIN: InvoiceDraft = {
  network: "bcrt",
  amount: 21_000n as Msat,
  timestamp: 1_760_000_000 as UnixSeconds,
  expirySec: 600,
  paymentHash: new Uint8Array(32).fill(1),
  paymentSecret: new Uint8Array(32).fill(2),
  description: "one call",
  minFinalCltvExpiry: 80,
  routeHints: [],
  features: [8, 14, 17],
};

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hop = fc.record({
  nodeKey: bytes(33),
  channelId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  feeBaseMsat: fc.nat(0xffffffff),
  feeRatePpm: fc.nat(0xffffffff),
  cltvDelta: fc.nat(0xffff),
});
const described = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }).map((description) => ({ description })),
  bytes(32).map((descriptionHash) => ({ descriptionHash })),
);
const optional = fc.record(
  {
    amount: fc.bigInt({ min: 1n, max: MAX_MSAT }) as fc.Arbitrary<Msat>,
    metadata: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    statesPayee: fc.boolean(),
  },
  { requiredKeys: [] },
);
const required = fc.record({
  network: fc.constantFrom<InvoiceNetwork>("bc", "tb", "tbs", "bcrt", "sb"),
  timestamp: fc.nat(2 ** 35 - 1) as fc.Arbitrary<UnixSeconds>,
  expirySec: fc.nat(2 ** 40),
  paymentHash: bytes(32),
  paymentSecret: bytes(32),
  minFinalCltvExpiry: fc.nat(2_016),
  routeHints: fc.array(fc.array(hop, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
  features: fc.constantFrom<number[]>([], [8, 14], [8, 14, 17], [9, 15, 25, 49, 99], [8, 14, 16, 262, 263]),
});

test("every invoice is read back as it was written, signed by its key", () => {
  fc.assert(
    fc.property(required, optional, described, bytes(32), (fixed, extra, text, seed) => {
      const key = secp256k1.utils.isValidSecretKey(seed) ? seed : KEY;
      const { statesPayee, ...promised } = { ...fixed, ...extra, ...text } as InvoiceDraft;
      const invoice = encodeInvoice({ ...promised, statesPayee: statesPayee ?? false }, key);
      expect(decodeInvoice(invoice)).toEqual({ ...promised, payee: secp256k1.getPublicKey(key) });
    }),
    { numRuns: 60 },
  );
});

test("an independent decoder reads our invoice", () => {
  const theirs = decodeElsewhere(encodeInvoice(PLAIN, KEY));
  const values = Object.fromEntries(
    theirs.sections.map((section) => [section.name, "value" in section && section.value]),
  );
  expect(values).toMatchObject({
    amount: "21000",
    timestamp: 1_760_000_000,
    payment_hash: "01".repeat(32),
    payment_secret: "02".repeat(32),
    description: "one call",
    expiry: 600,
    min_final_cltv_expiry: 80,
  });
});

test.each([
  { amount: 1n, prefix: "lnbcrt10p1" },
  { amount: 100n, prefix: "lnbcrt1n1" },
  { amount: 21_000n, prefix: "lnbcrt210n1" },
  { amount: 100_000_000n, prefix: "lnbcrt1m1" },
  { amount: 300_000_000_000n, prefix: "lnbcrt31" },
])("$amount msat is written $prefix", ({ amount, prefix }) => {
  expect(encodeInvoice({ ...PLAIN, amount: amount as Msat }, KEY).startsWith(prefix)).toBe(true);
});

test.each([
  { name: "both descriptions", draft: { ...PLAIN, descriptionHash: new Uint8Array(32) } },
  { name: "an amount of nothing", draft: { ...PLAIN, amount: 0n as Msat } },
  { name: "a description of 640 bytes", draft: { ...PLAIN, description: "x".repeat(640) } },
  { name: "a hash of 31 bytes", draft: { ...PLAIN, paymentHash: new Uint8Array(31) } },
  { name: "a negative expiry", draft: { ...PLAIN, expirySec: -1 } },
  { name: "a time beyond 35 bits", draft: { ...PLAIN, timestamp: (2 ** 35) as UnixSeconds } },
])("not written: $name", ({ draft }) => {
  let code: string | undefined;
  try {
    encodeInvoice(draft, KEY);
  } catch (error) {
    code = errorCode(error);
  }
  expect(code).toBe("INVOICE_MALFORMED");
});
