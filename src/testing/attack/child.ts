/** One api process of an attack, to be killed. It loads, waits to be told what to serve, and asks the driver for its node. */
import { accountMoveTable } from "../../adapters/postgres/account-move.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { now as machineNow } from "../../apps/clock.ts";
import { serverHmac } from "../../apps/hmac.ts";
import { OracleError } from "../../core/errors.ts";
import { keyRingOf } from "../../core/l402/root-key.ts";
import { unixSeconds } from "../../core/units.ts";
import type { TollNode } from "../toll-api.ts";
import { BROKEN, startAttackedApi } from "./api.ts";
import type { Begin, NodeAnswer, NodeVerb, ToChild, ToDriver } from "./protocol.ts";

const waiting = new Map<number, (answer: NodeAnswer) => void>();
let asked = 0;

const tell = (message: ToDriver) => void process.send?.(message);

function askNode(verb: NodeVerb, argument: unknown): Promise<unknown> {
  asked += 1;
  const id = asked;
  return new Promise((resolve, reject) => {
    waiting.set(id, ({ result, failure }) => {
      if (failure === undefined) resolve(result);
      else reject(new OracleError("LND_UNAVAILABLE", failure));
    });
    tell({ kind: "node", id, verb, argument });
  });
}

const node = Object.fromEntries(
  (["addInvoice", "cancelInvoice", "lookupInvoice", "lookupProof"] satisfies NodeVerb[]).map((verb) => [
    verb,
    (argument: unknown) => askNode(verb, argument),
  ]),
) as unknown as TollNode;

async function begin({ databaseUrl, keys, maxConnections, silentSec, beatMs, skewSec }: Begin): Promise<void> {
  const pool = openDatabase({ url: databaseUrl, maxConnections, onError: () => undefined });
  const now = () => unixSeconds(machineNow() + skewSec);
  const { charges, port, logs } = await startAttackedApi(pool, { keyRing: keyRingOf(serverHmac, keys), node, now });
  const moves = accountMoveTable(pool);
  const beat = async () => {
    await charges.beat(now());
    const count = await charges.sweep(silentSec, now());
    if (count > 0) tell({ kind: "swept", count });
    await moves.followAll(now());
  };
  let read = 0;
  const confess = () => {
    const log = logs();
    for (const line of log.slice(read).split("\n")) {
      if (line.includes("unexpected failure") && !line.includes(BROKEN)) tell({ kind: "failure", line });
    }
    read = log.length;
  };
  setInterval(confess, beatMs);
  // As the program does it: what a beat could not do, the next one does.
  setInterval(() => void beat().catch(() => undefined), beatMs);
  tell({ kind: "listening", port });
}

process.on("message", (message: ToChild) => {
  if (message.kind === "begin") {
    void begin(message);
    return;
  }
  waiting.get(message.id)?.(message);
  waiting.delete(message.id);
});
// An orphan must not go on: nobody would end it.
process.on("disconnect", () => process.exit());
tell({ kind: "ready" });
