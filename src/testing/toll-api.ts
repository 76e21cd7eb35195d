/** A whole api with one priced operation on a real database and a fake LND: for tests of the door, not of what is behind it. */
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { Router } from "express";
import type pg from "pg";
import { z } from "zod";
import { accountMoveTable } from "../adapters/postgres/account-move.ts";
import { chargeTable } from "../adapters/postgres/charge.ts";
import { openInvoiceTable } from "../adapters/postgres/open-invoice.ts";
import { challengeLimit, prefixLimit } from "../adapters/postgres/rate-limit.ts";
import { receiptTable } from "../adapters/postgres/receipt.ts";
import { tokenTable } from "../adapters/postgres/token.ts";
import { accountContracts, mountAccountOperations } from "../apps/api/account-operations.ts";
import { l402Gate } from "../apps/api/l402-gate.ts";
import { type Contract, mountPaid, type PaidOperation } from "../apps/api/operation.ts";
import { operatorPorts } from "../apps/api/operator-gate.ts";
import { documentsRouter, type Verifications } from "../apps/api/routes/get-documents.ts";
import { createApplication, createHttpServer } from "../apps/api/server.ts";
import { tokenReader } from "../apps/api/token-reader.ts";
import { now as machineNow } from "../apps/clock.ts";
import { createEvents } from "../apps/events.ts";
import { serverHmac } from "../apps/hmac.ts";
import { createLog } from "../apps/log.ts";
import { utf8 } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import { mintToken } from "../core/l402/mint.ts";
import { readMinted } from "../core/l402/minted.ts";
import { type KeyRing, keyRingOf, newTokenId, TOKEN_RANDOM_BYTES } from "../core/l402/root-key.ts";
import { authenticateToken } from "../core/l402/verify.ts";
import { decodeMacaroon } from "../core/macaroon/decode.ts";
import { type Msat, msat, type UnixSeconds } from "../core/units.ts";
import { fakeLnd } from "./fake-lnd.ts";

export const OPERATOR_SECRET = "operator-secret-of-at-least-32-characters";

/** `mode` decides what the handler does; `served` counts how often it ran. */
type Handler = { served: number; mode: "work" | "fail" | "wait"; waiting: (() => void)[] };
/** A priced operation, whatever it reads and says. */
export type TollOperation = PaidOperation<unknown, unknown, unknown>;
/** What an api asks of a node. */
export type TollNode = Pick<
  ReturnType<typeof fakeLnd>,
  "addInvoice" | "cancelInvoice" | "lookupInvoice" | "lookupProof"
>;
export type Toll = Awaited<ReturnType<typeof startTollApi>>;

export async function startTollApi(
  pool: pg.Pool,
  options: {
    price?: Msat;
    challengesPerMinute?: number;
    operatorGuessesPerMinute?: number;
    lsatLine?: boolean;
    lookupsPerMinute?: number;
    rotationsPerMinute?: number;
    verifications?: Verifications;
    keyRing?: KeyRing;
    /** Priced operations to be sold as they are, with nothing behind them, in place of the two of this api. */
    sells?: readonly Contract[];
    /** Priced operations in place of the two of this api. */
    operations?: readonly TollOperation[];
    /** A node that this api shares with others. */
    node?: TollNode;
    /** The clock of this process; by default the machine's. */
    now?: () => UnixSeconds;
    port?: number;
  } = {},
) {
  const lnd = fakeLnd();
  const now = options.now ?? machineNow;
  const keyRing = options.keyRing ?? keyRingOf(serverHmac, [randomBytes(32)]);
  const digestKey = randomBytes(32);
  const lines: string[] = [];
  const events = createEvents(
    createLog({ level: "info", name: "test", destination: { write: (line) => void lines.push(line) } }),
  );
  const handler: Handler = { served: 0, mode: "work", waiting: [] };
  const limit = challengeLimit(pool, { perPrefix: options.challengesPerMinute ?? 100_000, global: 100_000 });
  const charges = chargeTable(pool);
  const ports = {
    ...charges,
    ...tokenTable(pool),
    ...accountMoveTable(pool),
    ...(options.node ?? lnd),
    findReceipt: receiptTable(pool).find,
    readToken: tokenReader({ authenticate: (credential) => authenticateToken(serverHmac, keyRing, credential), now }),
    mint: (token: Parameters<typeof mintToken>[2]) => mintToken(serverHmac, keyRing, token),
    newTokenId: () => newTokenId(keyRing, randomBytes(TOKEN_RANDOM_BYTES)),
    takeChallenge: limit.take,
    readMinted: (macaroon: Uint8Array) => readMinted(serverHmac, keyRing, decodeMacaroon(macaroon)),
    takeLookup: prefixLimit(pool, "lookup", options.lookupsPerMinute ?? 100_000).take,
    takeRotation: prefixLimit(pool, "rotation", options.rotationsPerMinute ?? 100_000).take,
    operator: operatorPorts(pool, OPERATOR_SECRET, options.operatorGuessesPerMinute),
    invoices: openInvoiceTable(pool),
    limits: { expirySec: 600, perPrefix: 100_000, total: 100_000 },
    clientDigest: (text: string) => serverHmac(digestKey, utf8(text)),
    lsatLine: options.lsatLine ?? false,
    now,
    events,
  };
  const gate = l402Gate(ports);

  const router = Router();
  const word: PaidOperation<{ word: string }, string, { echo: string }> = {
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
  };
  const hello: PaidOperation<undefined, undefined, { echo: string }> = {
    operation: "tollHello",
    method: "get",
    path: "/api/toll/hello",
    summary: "Says hello",
    price: options.price ?? msat(1_000n),
    response: z.object({ echo: z.string() }),
    prepare: async () => undefined,
    answer: async () => ({ echo: "hello" }),
  };
  const nothing = { prepare: async () => undefined, answer: async () => ({}) };
  const sold = options.sells?.flatMap((contract) => {
    // With nothing behind them it does not matter what is asked.
    const { price, body: _, params: __, query: ___, ...rest } = contract;
    return price === undefined ? [] : [{ ...rest, price, ...nothing }];
  });
  for (const operation of options.operations ?? sold ?? [word, hello])
    mountPaid(router, gate, operation as TollOperation);
  const priced: readonly Contract[] = options.operations ?? options.sells ?? [word, hello];
  mountAccountOperations(router, ports, { priced, keptAnswersSec: 86_400 });
  const contracts = [
    ...priced.filter(({ operation }) => !accountContracts.some((each) => each.operation === operation)),
    ...accountContracts,
  ];
  router.use(
    documentsRouter(contracts, {
      origin: "https://oracle.example",
      version: "0.0.0",
      nodePubkey: () => undefined,
      verifications: options.verifications ?? {},
    }),
  );
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, {});
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    app,
    lnd,
    charges,
    handler,
    keyRing,
    origin: `http://127.0.0.1:${port}`,
    port,
    logs: () => lines.join(""),
    metrics: () => events.registry.metrics(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await charges.end(now());
    },
  };
}
