/** A whole api with one priced operation on a real database and a fake LND: for tests of the door, not of what is behind it. */
import { randomBytes } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Router } from "express";
import type pg from "pg";
import { z } from "zod";
import { operatorUseTable } from "../adapters/postgres/operator-use.ts";
import { challengeLimit } from "../adapters/postgres/rate-limit.ts";
import { tokenTable } from "../adapters/postgres/token.ts";
import { l402Gate } from "../apps/api/l402-gate.ts";
import { mountPaid } from "../apps/api/operation.ts";
import { createServer } from "../apps/api/server.ts";
import { now } from "../apps/clock.ts";
import { createEvents } from "../apps/events.ts";
import { serverHmac } from "../apps/hmac.ts";
import { createLog } from "../apps/log.ts";
import { OracleError } from "../core/errors.ts";
import { mintToken } from "../core/l402/mint.ts";
import { type KeyRing, keyRingOf, newTokenId, TOKEN_RANDOM_BYTES } from "../core/l402/root-key.ts";
import { verifyToken } from "../core/l402/verify.ts";
import { type Msat, msat } from "../core/units.ts";
import { fakeLnd } from "./fake-lnd.ts";

export const OPERATOR_SECRET = "operator-secret-of-at-least-32-characters";

/** `mode` decides what the handler does; `served` counts how often it ran. */
type Handler = { served: number; mode: "work" | "fail" | "wait"; waiting: (() => void)[] };
export type Toll = Awaited<ReturnType<typeof startTollApi>>;

export async function startTollApi(
  pool: pg.Pool,
  options: { price?: Msat; challengesPerMinute?: number; keyRing?: KeyRing } = {},
) {
  const lnd = fakeLnd();
  const keyRing = options.keyRing ?? keyRingOf(serverHmac, [randomBytes(32)]);
  const lines: string[] = [];
  const events = createEvents(
    createLog({ level: "info", name: "test", destination: { write: (line) => void lines.push(line) } }),
  );
  const handler: Handler = { served: 0, mode: "work", waiting: [] };
  const limit = challengeLimit(pool, { perPrefix: options.challengesPerMinute ?? 100_000, global: 100_000 });
  const gate = l402Gate({
    ...tokenTable(pool),
    ...lnd,
    verify: (credential, context) => verifyToken(serverHmac, keyRing, credential, context),
    mint: (token) => mintToken(serverHmac, keyRing, token),
    newTokenId: () => newTokenId(keyRing, randomBytes(TOKEN_RANDOM_BYTES)),
    takeChallenge: limit.take,
    recordOperatorUse: operatorUseTable(pool).append,
    operatorSecret: OPERATOR_SECRET,
    now,
    events,
  });

  const router = Router();
  mountPaid<{ word: string }, string, { echo: string }>(router, gate, {
    operation: "toll",
    method: "post",
    path: "/api/toll",
    summary: "Says a word back",
    price: options.price ?? msat(1_000n),
    body: z.object({ word: z.string().max(50_000) }),
    response: z.object({ echo: z.string() }),
    async prepare({ word }) {
      if (word === "unknown") throw new OracleError("SUBJECT_UNKNOWN", "no such word");
      return word;
    },
    async answer(word) {
      handler.served += 1;
      if (handler.mode === "fail") throw new Error("the handler broke");
      if (handler.mode === "wait") await new Promise<void>((resolve) => handler.waiting.push(resolve));
      return { echo: word };
    },
  });
  const app = createServer({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = http.createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    app,
    lnd,
    handler,
    keyRing,
    origin: `http://127.0.0.1:${port}`,
    port,
    logs: () => lines.join(""),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
