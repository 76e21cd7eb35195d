/** What the driver of an attack knows for itself: who was served for which charge, and which answers it never got. */
import { fromBase64, toHex } from "../../core/bytes.ts";
import { decodeIdentifier } from "../../core/l402/identifier.ts";
import { priceAt } from "../../core/l402/tier.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import type { Route, Served } from "./api.ts";

/** A prepaid account. Calls of each group are of one kind, so that its charges can be told apart. */
export type Account = {
  tokenIdHex: string;
  tier: number;
  /** Credentials that open it. */
  authorizations: string[];
  revoked: boolean;
};

/** A token that was handed a part of an account, and what it was served for. */
export type Child = { account: Account; authorization: string; budgetIdHex: string; limit: bigint; served: bigint };

export type Call = { account: Account; route: Route; key?: string; child?: Child };

/** Why an answer never came whole: the connection broke, our patience ended, or the caller meant to hang up. */
export type Loss = "broken" | "impatient" | "hung-up";

export type Seen = { account: Account; operation: string; cost: bigint; child?: Child };

export class Model {
  readonly seen = new Map<string, Seen>();
  readonly lost = new Map<string, Record<Loss, number>>();
  readonly violations: string[] = [];
  readonly tally = new Map<string, number>();
  readonly children: Child[] = [];
  readonly accounts = new Map<string, Account>();
  readonly #bodies = new Map<string, string>();
  readonly #serials = new Set<string>();

  violate(text: string): undefined {
    // The first few say what is wrong; a million of them say no more.
    if (this.violations.length < 1_000) this.violations.push(text);
  }

  count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  /** The account that a macaroon names, known or new. */
  accountOf(macaroon: string, tier = 0): Account {
    const { tokenId } = decodeIdentifier(decodeMacaroon(fromBase64(macaroon)!).identifier)!;
    const tokenIdHex = toHex(tokenId);
    const account = this.accounts.get(tokenIdHex) ?? { tokenIdHex, tier, authorizations: [], revoked: false };
    this.accounts.set(tokenIdHex, account);
    return account;
  }

  /** A call whose answer never came whole may have been charged, once, unless it can be asked again under its key. */
  lose({ account, route, key }: Call, loss: Loss): void {
    this.count(`lost: ${loss}${key === undefined ? "" : ", with a key"}`);
    if (key !== undefined) return;
    const place = `${account.tokenIdHex} ${route.operation}`;
    const losses = this.lost.get(place) ?? { broken: 0, impatient: 0, "hung-up": 0 };
    losses[loss] += 1;
    this.lost.set(place, losses);
  }

  /** A whole 200. */
  serve(call: Call, body: string, header: { cost: string; replayed: boolean }): undefined {
    const { account, route, key, child } = call;
    const { chargeId, serial } = (JSON.parse(body) as { data: Served }).data;
    const cost = priceAt(account.tier, route.price);
    const where = `charge ${chargeId} of ${account.tokenIdHex} (${route.operation})`;
    if (header.cost !== String(header.replayed ? 0n : cost)) this.violate(`${where} said it cost ${header.cost}`);
    if (key !== undefined) {
      const name = `${account.tokenIdHex} ${key}`;
      const before = this.#bodies.get(name);
      if (before === undefined) this.#bodies.set(name, body);
      else if (before !== body) return this.violate(`${where}: two answers under one key: ${before} and ${body}`);
      else return undefined;
    }
    if (header.replayed && key === undefined) this.violate(`${where} was replayed without a key`);
    if (this.seen.has(chargeId)) return this.violate(`${where} paid for two answers`);
    if (this.#serials.has(serial)) return this.violate(`${where}: the answer ${serial} was given twice`);
    this.#serials.add(serial);
    this.seen.set(chargeId, { account, operation: route.operation, cost, ...(child && { child }) });
    if (!child) return;
    child.served += cost;
    if (child.served > child.limit) this.violate(`${where}: a budget of ${child.limit} was served for ${child.served}`);
  }

  /** A key is answered: nobody will ask under it again. */
  forgetKey({ account, key }: Call): void {
    this.#bodies.delete(`${account.tokenIdHex} ${key}`);
  }
}
