/** The attacked api: the real gate before three operations of different prices, which say which charge they were admitted by. */
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { z } from "zod";
import type { Contract } from "../../apps/api/operation.ts";
import { type Msat, msat } from "../../core/units.ts";
import { startTollApi, type TollOperation } from "../toll-api.ts";

type Mode = "work" | "fail" | "slow";

/** What an operation answers: the charge that paid for it, and a word that no other answer holds. */
export type Served = { chargeId: string; serial: string };

export type Route = { operation: string; method: "GET" | "POST"; path: string; price: Msat };

/** The cheap one reads no body, so that most of an attack's time is the ledger's. */
export const ROUTES = [
  { operation: "attackCheap", method: "GET", path: "/api/attack/cheap", price: msat(300n) },
  { operation: "attackMiddle", method: "POST", path: "/api/attack/middle", price: msat(1_000n) },
  { operation: "attackDear", method: "POST", path: "/api/attack/dear", price: msat(7_777n) },
] as const satisfies readonly Route[];

/** What the handler says when it was asked to fail. */
export const BROKEN = "the handler broke, as it was asked to";

const SLOW_MS = 40;

const response = z.object({ chargeId: z.string(), serial: z.string() });
const body = z.object({ mode: z.enum(["work", "fail", "slow"]), note: z.string().max(100).optional() });

function operationOf({ operation, method, path, price }: Route, nextSerial: () => string): TollOperation {
  const contract: Contract & { price: Msat } = {
    operation,
    method: method === "GET" ? "get" : "post",
    path,
    summary: "Says what paid for it",
    price,
    response,
    ...(method === "POST" && { body }),
  };
  return {
    ...contract,
    prepare: async (asked) => (asked as { mode: Mode } | undefined)?.mode ?? "work",
    async answer(mode, admitted): Promise<Served> {
      if (mode === "fail") throw new Error(BROKEN);
      if (mode === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      const chargeId = admitted.by === "charge" ? String(admitted.charge.chargeId) : "none";
      return { chargeId, serial: nextSerial() };
    },
  };
}

/** Starts one process's worth of it. Whatever a toll api can be told, it can be told too. */
export function startAttackedApi(pool: pg.Pool, options: Parameters<typeof startTollApi>[1] = {}) {
  const name = randomBytes(6).toString("hex");
  let served = 0;
  const nextSerial = () => {
    served += 1;
    return `${name}-${served}`;
  };
  return startTollApi(pool, { ...options, operations: ROUTES.map((route) => operationOf(route, nextSerial)) });
}
