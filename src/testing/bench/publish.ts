/** Bench: everything there is to say into an empty outbox, then said again with one in a hundred changed, and with nothing. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { deriveServiceKey } from "../../adapters/nostr/keys.ts";
import { createSigner } from "../../adapters/nostr/signer.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { toHex } from "../../core/bytes.ts";
import type { NodeAssertion, Statement } from "../../core/nip85/assertion.ts";
import { statementsOfNode } from "../../core/nip85/statement.ts";
import { unixSeconds } from "../../core/units.ts";
import { publishAssertions } from "../../oracle/publish/publish-assertions.ts";
import { ratio, report } from "./report.ts";

const NODES = 17_000;
const PAGE = 500;
const EVERY = 100;
const start = unixSeconds(1_790_000_000);

/** Prints seconds; the comparison as a part of the first publication. Throws when not exactly the changed part is published. */
export async function benchPublish(): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "satrank-bench-"));
  chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
  const onError = () => undefined;
  const pool = openDatabase({ url: postgres.url, maxConnections: 4, onError });
  try {
    await migrate(pool);
    const key = deriveServiceKey(new Uint8Array(32).fill(9), "lightning-node");
    const { sign } = await createSigner([key]);
    const ports = { ...outboxTable(pool), sign };
    const scores = someScores();
    const say = async (input: readonly NodeAssertion[], at: number) => {
      const from = performance.now();
      const statements = pagesOf(input, key.pubkey);
      const { signal } = new AbortController();
      const request = { statements, pubkeys: [key.pubkey], now: unixSeconds(at), signal };
      const { staged } = await publishAssertions(ports, request);
      return { staged, seconds: (performance.now() - from) / 1_000 };
    };
    const changed = scores.map((score, i) => (i % EVERY === 0 ? { ...score, rank: score.rank + 3 } : score));
    const first = await say(scores, start);
    const part = await say(changed, start + 3_600);
    const none = await say(changed, start + 7_200);
    if (part.staged !== NODES / EVERY || none.staged !== 0)
      throw new Error(
        `${part.staged} and ${none.staged} events were published for ${NODES / EVERY} changes and for none`,
      );
    report(`${NODES} nodes, compared with what was said of them, on Postgres`, [
      { name: `all new: ${first.staged} events signed and stored (baseline)`, value: `${first.seconds.toFixed(1)} s` },
      { name: `1 in ${EVERY} changed: ${part.staged} events`, ...against(part, first) },
      { name: `nothing changed: ${none.staged} events`, ...against(none, first) },
    ]);
  } finally {
    await pool.end();
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function against({ seconds }: { seconds: number }, first: { seconds: number }) {
  return { value: `${seconds.toFixed(1)} s`, note: `${ratio(seconds, first.seconds)} of baseline` };
}

/** Ranks that can move by 3 within a band. */
export function someScores(): NodeAssertion[] {
  let point = secp256k1.Point.BASE;
  return Array.from({ length: NODES }, (_, i) => {
    const nodeKey = toHex(point.toBytes());
    point = point.add(secp256k1.Point.BASE);
    return { nodeKey, rank: 61 + (i % 15), rankLow: 20, rankHigh: 100, reachRatio: 0.5, observations: 9, asOf: start };
  });
}

/** What is said of them, page by page. */
export async function* pagesOf(scores: readonly NodeAssertion[], pubkey: string): AsyncGenerator<Statement[]> {
  const pubkeys = { node: pubkey, endpoint: "cd".repeat(32), operator: "ef".repeat(32) };
  const voice = { pubkeys, origin: "https://oracle.example", network: "regtest" } as const;
  for (let from = 0; from < scores.length; from += PAGE)
    yield scores.slice(from, from + PAGE).flatMap((score) => statementsOfNode(score, undefined, voice));
}
