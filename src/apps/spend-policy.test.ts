/** Which spend policies are accepted, and what is said of the others. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { NOTHING_ALLOWED, SIMULATED_POLICY } from "../core/spend/policy.ts";
import { readSpendPolicy } from "./spend-policy.ts";

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-policy-"));
const file = path.join(directory, "policy.json");
afterAll(() => fs.rmSync(directory, { recursive: true }));

const payments = {
  mode: "auto",
  perPaymentMsat: "1000000",
  per24hMsat: "20000000",
  perSubject24hMsat: "2000000",
  approveAboveMsat: "100000",
  maxFeeMsat: "10000",
};
const probes = {
  mode: "auto",
  maxAmountMsat: "1000000000",
  perHour: 300,
  perTarget24h: 24,
  perPeerInFlight: 2,
  perPeerPerHour: 120,
  maxHops: 8,
  maxCltvBlocks: 1_008,
  exploreRatio: 0.15,
};

function read(content: unknown, mode = 0o600) {
  fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  fs.chmodSync(file, mode);
  return readSpendPolicy(file, { isSimulated: false });
}

test("a whole policy is read, amounts as msat", () => {
  expect(read({ payments, probes })).toEqual({
    payments: {
      mode: "auto",
      perPaymentMsat: 1_000_000n,
      per24hMsat: 20_000_000n,
      perSubject24hMsat: 2_000_000n,
      approveAboveMsat: 100_000n,
      maxFeeMsat: 10_000n,
    },
    probes: { ...probes, maxAmountMsat: 1_000_000_000n },
  });
  expect(read({ payments: { ...payments, mode: "ask" } }).payments.mode).toBe("ask");
});

test("what is left out or off is off, whatever else it says", () => {
  expect(read({})).toEqual(NOTHING_ALLOWED);
  expect(read("\n")).toEqual(NOTHING_ALLOWED);
  expect(read({ payments: { ...payments, mode: "off" }, probes: { mode: "off" } })).toEqual(NOTHING_ALLOWED);
});

test("the example of the documentation holds", () => {
  const [, example = ""] =
    /```json\n(\{\s*"payments"[\s\S]*?)```/.exec(fs.readFileSync("docs/settings.md", "utf8")) ?? [];
  expect(read(example)).toMatchObject({ payments: { mode: "ask" }, probes: { mode: "off" } });
});

test("without a file a real node spends nothing, and the simulated one freely", () => {
  expect(readSpendPolicy(undefined, { isSimulated: false })).toBe(NOTHING_ALLOWED);
  expect(readSpendPolicy(undefined, { isSimulated: true })).toBe(SIMULATED_POLICY);
});

test.each([
  { name: "no JSON", content: "{", want: /policy\.json is not JSON/ },
  { name: "an unknown section", content: { payment: payments }, want: /payment/ },
  { name: "an unknown key", content: { payments: { ...payments, perDayMsat: "1" } }, want: /payments.*perDayMsat/ },
  { name: "a missing limit", content: { payments: { mode: "auto" } }, want: /payments\.per24hMsat/ },
  { name: "an unknown mode", content: { payments: { ...payments, mode: "on" } }, want: /payments\.mode/ },
  { name: "probes that ask", content: { probes: { ...probes, mode: "ask" } }, want: /probes\.mode/ },
  {
    name: "an amount as a number",
    content: { payments: { ...payments, maxFeeMsat: 1 } },
    want: /payments\.maxFeeMsat/,
  },
  { name: "a negative amount", content: { payments: { ...payments, maxFeeMsat: "-1" } }, want: /payments\.maxFeeMsat/ },
  { name: "a fraction", content: { payments: { ...payments, maxFeeMsat: "1.5" } }, want: /payments\.maxFeeMsat/ },
  {
    name: "more than there is",
    content: { payments: { ...payments, per24hMsat: "9999999999999999999" } },
    want: /payments\.per24hMsat/,
  },
  { name: "a ratio above one", content: { probes: { ...probes, exploreRatio: 1.5 } }, want: /probes\.exploreRatio/ },
  { name: "half a hop", content: { probes: { ...probes, maxHops: 1.5 } }, want: /probes\.maxHops/ },
  { name: "a file that everybody can write", content: { payments }, mode: 0o606, want: /chmod o-w/ },
  { name: "a file beyond all measure", content: " ".repeat(70_000), want: /larger than/ },
])("$name is refused, and the message names it", ({ content, mode, want }) => {
  expect(() => read(content, mode)).toThrow(want);
});

test("a file that is not there is refused", () => {
  expect(() => readSpendPolicy(path.join(directory, "none"), { isSimulated: true })).toThrow(/none cannot be read/);
});
