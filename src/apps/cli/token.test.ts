/** `satrank token`, offline: what it says of a token, and that what it prints is narrower and never wider. */
import { afterEach, expect, test, vi } from "vitest";
import { fromBase64, fromHex, toBase64 } from "../../core/bytes.ts";
import { servicesCaveat } from "../../core/l402/caveat.ts";
import { mintToken } from "../../core/l402/mint.ts";
import { keyRingOf, newTokenId } from "../../core/l402/root-key.ts";
import { checkCaveats } from "../../core/l402/terms.ts";
import { authenticateToken } from "../../core/l402/verify.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import { serverHmac } from "../hmac.ts";
import { tokenCommand } from "./commands/token.ts";
import { createOutput } from "./terminal.ts";

const ring = keyRingOf(serverHmac, [new Uint8Array(32).fill(0xa1)]);
const preimage = "22".repeat(32);
const paymentHash = fromHex("9f72ea0cf49536e3c66c787f705186df9a4378083753ae9536d65b3ad7fcddc4")!;
const tokenId = newTokenId(ring, new Uint8Array(31).fill(5));
const mint = (...caveats: string[]) =>
  toBase64(mintToken(serverHmac, ring, { paymentHash, tokenId, caveats: [servicesCaveat(2), ...caveats] }));

afterEach(() => vi.restoreAllMocks());

/** Runs a command in this process and gives what it printed. */
async function satrank(...words: string[]): Promise<string> {
  let out = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const json = words[0] === "--json";
  const command = tokenCommand(createOutput({ json, colour: false }));
  try {
    await command.parseAsync(json ? words.slice(1) : words, { from: "user" });
  } finally {
    write.mockRestore();
  }
  return out.trim();
}

function tokenOf(text: string) {
  const [macaroon = "", proof = preimage] = text.split(":");
  const found = authenticateToken(serverHmac, ring, {
    macaroon: decodeMacaroon(fromBase64(macaroon)!),
    preimage: fromHex(proof)!,
  });
  if (!found.ok) throw new Error(found.reason);
  return found.token;
}
const request = { now: 1 as never, operation: "resolveIntent", path: "/api/intent", method: "POST", ip: "192.0.2.1" };

test("inspect tells what a token is about, from every spelling of it", async () => {
  const macaroon = mint("satrank_max_sats=7", "satrank_valid_until=1900000000");
  const plain = await satrank("inspect", macaroon);
  expect(plain).toContain("9f72ea0cf49536e3c66c787f705186df9a4378083753ae9536d65b3ad7fcddc4");
  expect(plain).toContain("tier          2: calls at 200 thousandths");
  expect(plain).toContain("may spend     7 sat");
  expect(plain).toContain("2030-03-17T17:46:40Z");
  expect(plain).toContain("  satrank_max_sats=7");
  const spellings = [`${macaroon}:${preimage}`, `L402 ${macaroon}:${preimage}`, macaroon.replace(/=+$/, "")];
  for (const spelling of spellings) {
    expect(await satrank("inspect", spelling)).toBe(plain);
    expect(await satrank("inspect", spelling)).not.toContain(preimage);
  }
  expect(JSON.parse(await satrank("--json", "inspect", macaroon))).toMatchObject({
    tier: 2,
    ratePermille: 200,
    validUntil: 1_900_000_000,
    budgetsMsat: ["7000"],
    allowsNothing: false,
    keyId: ring.currentKeyId,
  });
});

test("inspect says when a token opens nothing, and prints no control character of it", async () => {
  const told = await satrank("inspect", mint("satrank_invented=1", "x=\u001b[31m\nred"));
  expect(told).toContain("It opens nothing");
  expect(told).toContain("  x=?[31m?red");
});

test("attenuate prints a child that holds, and is held to each of what was asked", async () => {
  const options = [
    "--max-sats",
    "5",
    "--valid-until",
    "2030-03-17T17:46:40Z",
    "--capabilities",
    "resolveIntent,getBalance",
  ];
  const scope = ["--route", "/api/intent", "--method", "post", "--ip", "192.0.2.1"];
  const child = await satrank("attenuate", `${mint()}:${preimage}`, ...options, ...scope);
  expect(child.endsWith(`:${preimage}`)).toBe(true);
  const token = tokenOf(child);
  expect(token.tokenId).toEqual(tokenId);
  expect(token.budgets.map(({ limit }) => limit)).toEqual([5_000n]);
  expect(token.terms.validUntil).toBe(1_900_000_000);
  expect(checkCaveats(token, request)).toEqual({ ok: true });
  for (const change of [{ operation: "x" }, { path: "/x" }, { method: "GET" }, { ip: "192.0.2.2" }])
    expect(checkCaveats(token, { ...request, ...change }).ok).toBe(false);
  expect(await satrank("attenuate", mint(), "--method", "GET")).not.toContain(":");
});

test("two children of the same text have budgets of their own", async () => {
  const children = [
    await satrank("attenuate", mint(), "--max-sats", "5"),
    await satrank("attenuate", mint(), "--max-sats", "5"),
  ];
  const [one, other] = children.map((child) => tokenOf(child).budgets[0]!.budgetId);
  expect(one).not.toEqual(other);
});

test.each([
  { name: "nothing to narrow", words: [], message: /say what to narrow/ },
  { name: "a larger budget than its own", words: ["--max-sats", "8"], message: /never widened/ },
  { name: "a later end than its own", words: ["--valid-until", "1900000001"], message: /never widened/ },
])("attenuate refuses $name", async ({ words, message }) => {
  const parent = mint("satrank_max_sats=7", "satrank_valid_until=1900000000");
  await expect(satrank("attenuate", parent, ...words)).rejects.toThrow(message);
});

test.each(["", "nonsense", "AAAA", `${mint()}:12`, `${mint()}:${preimage}:1`])(
  "what is no token is refused, and not repeated: '%s'",
  async (text) => {
    for (const command of ["inspect", "revoke"]) {
      const refused: Error = await satrank(command, text).then(
        () => new Error("accepted"),
        (error) => error,
      );
      expect(refused).toMatchObject({ code: "MACAROON_MALFORMED" });
      if (text.length > 8) expect(refused.message).not.toContain(text);
    }
  },
);
