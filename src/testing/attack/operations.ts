/** What the clients of an attack do, honest and not; how often is the mix at the end. */
import { randomBytes } from "node:crypto";
import { serverHmac } from "../../apps/hmac.ts";
import { fromBase64, toBase64, toHex, utf8 } from "../../core/bytes.ts";
import { budgetsOf } from "../../core/l402/budget.ts";
import { decodeIdentifier } from "../../core/l402/identifier.ts";
import { mintToken } from "../../core/l402/mint.ts";
import { keyRingOf, newTokenId } from "../../core/l402/root-key.ts";
import { tierOf } from "../../core/l402/tier.ts";
import { encodeMacaroon } from "../../core/macaroon/binary.ts";
import { attenuate } from "../../core/macaroon/chain.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import type { Macaroon } from "../../core/macaroon/macaroon.ts";
import { msat } from "../../core/units.ts";
import type { Random } from "../fuzz/random.ts";
import { ROUTES } from "./api.ts";
import { type Client, codeOf, isExhausted, type World } from "./client.ts";
import type { Account, Child } from "./model.ts";

const [CHEAP, MIDDLE, DEAR] = ROUTES;
const ACCOUNTS_PER_GROUP = 12;
/** A group of accounts for each kind of call, so that a charge says what kind it was. */
const GROUPS = ["plain", "keyed", "parents", "impatient"] as const;
type GroupName = (typeof GROUPS)[number];

export type Operations = ReturnType<typeof openOperations>;

/** What is done behind the doors: an account is withdrawn, and the stream of settled invoices tells of one. */
type Inside = { revoke(tokenIdHex: string): Promise<void>; book(paymentHashHex: string): Promise<void> };

export function openOperations(world: World & Inside, client: Client) {
  const { model, wallet, random } = world;
  const groups: Record<GroupName, Account[]> = { plain: [], keyed: [], parents: [], impatient: [] };
  const children: Child[] = [];
  const member = (name: GroupName) => random.pick(groups[name]);
  const newKey = () => randomBytes(12).toString("hex");
  const anyRoute = () => (random.oneIn(5) ? DEAR : random.oneIn(3) ? MIDDLE : CHEAP);

  /** An account bought by a deposit or by overpaying a single call, first used, and put into a group. */
  const buy = async (group: GroupName): Promise<void> => {
    const deposits = random.oneIn(2);
    const amountSat = deposits ? random.pick([21, 1_000, 3_000, 12_000]) : 0;
    const offer = await client.offer(deposits ? "/api/deposit" : CHEAP.path, deposits ? { amountSat } : undefined);
    const account = model.accountOf(offer.macaroon, tierOf(BigInt(amountSat)));
    const amount = BigInt(offer.amountSats) * 1_000n + BigInt(random.oneIn(4) ? 0 : random.below(2_000_000));
    const { authorization, hash } = wallet.pay(offer, amount);
    account.authorizations.push(authorization);
    if (random.oneIn(3)) await world.book(hash);
    const key = newKey();
    const answer = await client.untilAnswered("a first use", () => client.once({ account, route: CHEAP, key }));
    if (answer.status !== 200) model.violate(`a token paid with ${amount} msat met ${answer.status} ${codeOf(answer)}`);
    wallet.show(hash);
    if (groups[group].length >= ACCOUNTS_PER_GROUP) groups[group].splice(random.below(ACCOUNTS_PER_GROUP), 1);
    groups[group].push(account);
  };

  /** Several at once present a token that was never used: as many are served as it was paid for. */
  const raceFirstUse = async (): Promise<void> => {
    const offer = await client.offer(CHEAP.path, undefined);
    const account = model.accountOf(offer.macaroon);
    const amount = random.oneIn(2) ? 1_000n : 2_500n;
    const { authorization, hash } = wallet.pay(offer, amount);
    account.authorizations.push(authorization);
    const racers = Array.from({ length: 6 }, () => client.once({ account, route: MIDDLE }));
    const served = (await Promise.all(racers)).filter((each) => each.kind === "answer" && each.status === 200).length;
    if (BigInt(served) > amount / 1_000n) model.violate(`${served} calls were served for ${amount} msat`);
    const key = newKey();
    await client.untilAnswered("a first use", () => client.once({ account, route: MIDDLE, key }));
    wallet.show(hash);
  };

  const newChild = (account: Account): Child => {
    const limit = BigInt(2 + random.below(30)) * 1_000n;
    const [, macaroon = "", preimage = ""] = /^L402 ([^:]+):(.*)$/.exec(random.pick(account.authorizations)) ?? [];
    const caveats = [`nonce=${newKey()}`, `satrank_max_sats=${limit / 1_000n}`];
    const narrowed = caveats.reduce(
      (each, caveat) => attenuate(serverHmac, each, caveat),
      decodeMacaroon(fromBase64(macaroon)!),
    );
    const { tokenId } = decodeIdentifier(narrowed.identifier)!;
    const caveatIndex = narrowed.caveats.length - 1;
    const signatures = narrowed.caveats.map(() => narrowed.signature);
    const terms = { spendingCaps: [{ limit: msat(limit), caveatIndex }] } as unknown as Parameters<typeof budgetsOf>[1];
    const budgetIdHex = toHex(budgetsOf(tokenId, terms, signatures)[0]!.budgetId);
    return {
      account,
      authorization: `L402 ${toBase64(encodeMacaroon(narrowed))}:${preimage}`,
      budgetIdHex,
      limit,
      served: 0n,
    };
  };

  const useChild = async (): Promise<void> => {
    if (children.length < 2 * ACCOUNTS_PER_GROUP) children.push(newChild(member("parents")));
    const child = random.pick(children);
    const { account } = child;
    const route = anyRoute();
    const answer = random.oneIn(2)
      ? await client.callFirmly({ account, route, child, key: newKey() })
      : await client.callPlainly({ account, route, child }, { authorization: child.authorization });
    if ("kind" in answer && answer.kind !== "answer") return;
    if (answer.status !== 402) return;
    // Its own allowance is used up, or its parent's balance is.
    if (isExhausted(answer)) await client.callPlainly({ account, route });
    else children.splice(children.indexOf(child), 1);
  };

  /** Nothing opens anything that was not sold, or not to this holder. */
  const forge = async (): Promise<void> => {
    const [mine, other] = [random.pick(member("plain").authorizations), random.pick(member("keyed").authorizations)];
    const [myMacaroon, myPreimage] = mine.slice(5).split(":") as [string, string];
    const [, otherPreimage] = other.slice(5).split(":") as [string, string];
    const bytes = fromBase64(myMacaroon)!;
    const tampered = tamper(decodeMacaroon(bytes), random);
    const ring = keyRingOf(serverHmac, [random.bytes(32)]);
    const ours = decodeIdentifier(decodeMacaroon(bytes).identifier)!;
    const minted = mintToken(serverHmac, ring, {
      paymentHash: ours.paymentHash,
      tokenId: newTokenId(ring, randomBytes(31)),
      caveats: ["services=satrank:0"],
    });
    const authorization = random.pick([
      `L402 ${myMacaroon}:${randomBytes(32).toString("hex")}`,
      `L402 ${myMacaroon}:${otherPreimage === myPreimage ? "00".repeat(32) : otherPreimage}`,
      `L402 ${toBase64(encodeMacaroon(tampered))}:${myPreimage}`,
      `L402 ${toBase64(minted)}:${myPreimage}`,
      `L402 ${toBase64(bytes.slice(0, random.below(bytes.length)))}:${myPreimage}`,
      `L402 :${myPreimage}`,
      `L402 ${toBase64(utf8(myPreimage))}:${myPreimage}`,
      `Bearer ${myPreimage}`,
    ]);
    const outcome = await client.send({ method: "GET", path: CHEAP.path, headers: { Authorization: authorization } });
    if (outcome.kind === "answer" && outcome.status === 200) model.violate(`served: ${authorization}`);
  };

  /** After its account was withdrawn, a token opens nothing, whoever it is shown to. */
  const withdraw = async (): Promise<void> => {
    if (groups.plain.length < ACCOUNTS_PER_GROUP / 2) return;
    const account = groups.plain.splice(random.below(groups.plain.length), 1)[0]!;
    const old = random.pick(account.authorizations);
    if (random.oneIn(2)) await world.revoke(account.tokenIdHex);
    else {
      const headers = { Authorization: old, "Idempotency-Key": newKey() };
      const question = { method: "POST" as const, path: "/api/token/rotate", headers };
      const answer = await client.untilAnswered("a rotation", () => client.send(question));
      if (answer.status !== 200) model.violate(`a rotation was ${answer.status}: ${answer.body}`);
      else {
        const { macaroon } = (JSON.parse(answer.body) as { data: { macaroon: string } }).data;
        const fresh = model.accountOf(macaroon, account.tier);
        fresh.authorizations.push(`L402 ${macaroon}:${old.split(":")[1]}`);
        groups.plain.push(fresh);
      }
    }
    account.revoked = true;
    for (let i = 0; i < 4; i++) {
      const outcome = await client.send({ method: "GET", path: CHEAP.path, headers: { Authorization: old } });
      if (outcome.kind === "answer" && outcome.status === 200)
        model.violate(`a withdrawn token was served: ${account.tokenIdHex}`);
    }
    await buy("plain");
  };

  const twins = async (): Promise<void> => {
    const call = { account: member("keyed"), route: anyRoute(), key: newKey() };
    const answers = await Promise.all([client.callFirmly(call), client.callFirmly(call)]);
    if (new Set(answers.map(({ body }) => body)).size > 1) model.violate(`key ${call.key} had two answers`);
    if (answers.some(({ status }) => status !== 200)) model.violate(`key ${call.key} met ${answers.map(codeOf)}`);
    model.forgetKey(call);
  };

  const keyed = async (): Promise<void> => {
    const call = { account: member("keyed"), route: anyRoute(), key: newKey() };
    const answer = await client.callFirmly(call);
    if (answer.status !== 200) model.violate(`key ${call.key} met ${answer.status} ${codeOf(answer)}`);
    if (random.oneIn(5)) await client.callFirmly(call);
    model.forgetKey(call);
  };

  /** In thousandths of all operations. */
  const mix: [number, () => Promise<unknown>][] = [
    [800, () => client.callPlainly({ account: member("plain"), route: CHEAP })],
    [70, () => client.callPlainly({ account: member("plain"), route: anyRoute() })],
    [10, () => client.callPlainly({ account: member("plain"), route: MIDDLE }, { mode: "slow" })],
    [45, keyed],
    [5, twins],
    [20, () => client.callPlainly({ account: member("plain"), route: MIDDLE }, { mode: "fail" })],
    [
      15,
      () =>
        client.callPlainly(
          { account: member("impatient"), route: random.oneIn(2) ? DEAR : MIDDLE },
          { mode: random.oneIn(2) ? "slow" : "work", hangUpAfterMs: random.below(50) },
        ),
    ],
    [15, useChild],
    [16, forge],
    [2, () => buy(random.pick(GROUPS))],
    [1, raceFirstUse],
    [1, withdraw],
  ];

  return {
    /** Opens the first accounts. */
    async prepare(): Promise<void> {
      for (const group of GROUPS) await Promise.all(Array.from({ length: ACCOUNTS_PER_GROUP }, () => buy(group)));
    },
    /** One operation of the mix. */
    async run(): Promise<void> {
      let left = random.below(1_000);
      for (const [share, operation] of mix) {
        left -= share;
        if (left < 0) return void (await operation());
      }
    },
  };
}

/** One bit of what is signed, or of the signature. */
function tamper(macaroon: Macaroon, random: Random): Macaroon {
  const part = random.pick(["identifier", "signature"] as const);
  const changed = Uint8Array.from(macaroon[part]);
  changed[random.below(changed.length)]! ^= 1 << random.below(8);
  return { ...macaroon, [part]: changed };
}
