/** Budgets: which tokens share one, which have their own, and which may be topped up. */
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, toHex, utf8 } from "../bytes.ts";
import { attenuate, type Hmac } from "../macaroon/chain.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import type { Macaroon } from "../macaroon/macaroon.ts";
import { mayTopUp } from "./budget.ts";
import { servicesCaveat } from "./caveat.ts";
import { mintToken } from "./mint.ts";
import { keyRingOf, newTokenId } from "./root-key.ts";
import { authenticateToken } from "./verify.ts";

const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const ring = keyRingOf(hmac, [new Uint8Array(32).fill(0xa1)]);
const idOf = (fill: number) => newTokenId(ring, new Uint8Array(31).fill(fill));
const preimageOf = (fill: number) => new Uint8Array(32).fill(fill);

type Parent = { account?: number; payment?: number; tier?: number };
const mint = ({ account = 0x33, payment = 0x22, tier = 0 }: Parent = {}) =>
  decodeMacaroon(
    mintToken(hmac, ring, {
      paymentHash: sha256(preimageOf(payment)),
      tokenId: idOf(account),
      caveats: [servicesCaveat(tier)],
    }),
  );
const narrow = (macaroon: Macaroon, ...caveats: string[]) =>
  caveats.reduce((narrowed, caveat) => attenuate(hmac, narrowed, caveat), macaroon);
const tokenOf = (macaroon: Macaroon, payment = 0x22) => {
  const found = authenticateToken(hmac, ring, { macaroon, preimage: preimageOf(payment) });
  if (!found.ok) throw new Error(found.reason);
  return found.token;
};
const idsOf = (macaroon: Macaroon, payment?: number) =>
  tokenOf(macaroon, payment).budgets.map(({ budgetId }) => toHex(budgetId));

const cap = "satrank_max_sats=100";

describe("a budget", () => {
  test("is its limit, and a hash of the account and of the signature right after its caveat", () => {
    const child = narrow(mint(), cap);
    const further = narrow(child, "satrank_method=GET");
    const budgetId = sha256(concatBytes(utf8("satrank budget"), idOf(0x33), child.signature));
    expect(tokenOf(child).budgets).toEqual([{ budgetId, limit: 100_000n }]);
    expect(tokenOf(further).budgets).toEqual([{ budgetId, limit: 100_000n }]);
    expect(toHex(budgetId)).not.toContain(toHex(child.signature));
  });

  test("is there for each cap, outermost first", () => {
    const limits = tokenOf(narrow(mint(), cap, "a=1", "satrank_max_sats=7", "satrank_max_sats=0")).budgets;
    expect(limits.map(({ limit }) => limit)).toEqual([100_000n, 7_000n, 0n]);
  });

  test("is shared by children of the same text, and not once anything tells them apart", () => {
    const parent = mint();
    expect(idsOf(narrow(parent, cap))).toEqual(idsOf(narrow(parent, cap)));
    expect(idsOf(narrow(parent, "nonce=1", cap))).not.toEqual(idsOf(narrow(parent, "nonce=2", cap)));
  });

  test.each([
    { name: "another account", parent: { account: 0x34 } },
    { name: "another payment into the same account", parent: { payment: 0x23 } },
    { name: "another tier", parent: { tier: 1 } },
  ])("is another one under $name", ({ parent }) => {
    expect(idsOf(narrow(mint(parent), cap), parent.payment)).not.toEqual(idsOf(narrow(mint(), cap)));
  });
});

describe("of every token", () => {
  const caveat = fc.oneof(
    fc.constantFrom(cap, "satrank_max_sats=60", "satrank_max_sats=0", "satrank_method=GET", "satrank_valid_until=9"),
    fc.nat(9).map((n) => `nonce=${n}`),
    fc.string({ maxLength: 8 }).filter((text) => !text.trim().toLowerCase().startsWith("preimage")),
  );
  const caveats = fc.array(caveat, { maxLength: 6 });

  test("a grandchild has the budgets of its ancestors, in their order, and then its own", () => {
    let inherited = 0;
    fc.assert(
      fc.property(caveats, caveats, (own, more) => {
        const child = narrow(mint(), ...own);
        const ids = idsOf(child);
        expect(idsOf(narrow(child, ...more)).slice(0, ids.length)).toEqual(ids);
        inherited += ids.length;
      }),
    );
    expect(inherited).toBeGreaterThan(10);
  });

  test("nothing appended raises the least of its limits", () => {
    fc.assert(
      fc.property(caveats, caveats, (own, more) => {
        const least = (macaroon: Macaroon) =>
          tokenOf(macaroon).budgets.reduce((low, { limit }) => (limit < low ? limit : low), 10n ** 18n);
        const child = narrow(mint(), ...own);
        expect(least(narrow(child, ...more))).toBeLessThanOrEqual(least(child));
      }),
    );
  });

  test("a change above a cap makes it another budget", () => {
    fc.assert(
      fc.property(caveats, caveats, (one, other) => {
        fc.pre(one.join("\n") !== other.join("\n"));
        const [first, second] = [narrow(mint(), ...one, cap), narrow(mint(), ...other, cap)];
        const last = (macaroon: Macaroon) => idsOf(macaroon).at(-1);
        const caps = (macaroon: Macaroon) => tokenOf(macaroon).terms.spendingCaps;
        // A fifth cap is no budget of its own: such a token is out of scope.
        fc.pre(
          caps(first).at(-1)?.caveatIndex === one.length + 1 && caps(second).at(-1)?.caveatIndex === other.length + 1,
        );
        expect(last(first)).not.toBe(last(second));
      }),
    );
  });

  test("it may be topped up unless it, or an ancestor, has a budget", () => {
    fc.assert(
      fc.property(caveats, (own) => {
        const hasCap = own.some((text) => text.startsWith("satrank_max_sats="));
        if (hasCap) expect(mayTopUp(tokenOf(narrow(mint(), ...own)))).toBe(false);
      }),
    );
    expect(mayTopUp(tokenOf(mint()))).toBe(true);
    expect(mayTopUp(tokenOf(narrow(mint(), "satrank_method=GET", "nonce=1")))).toBe(true);
    expect(mayTopUp(tokenOf(narrow(mint(), "satrank_unknown=1")))).toBe(false);
  });
});
