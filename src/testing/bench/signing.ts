/** Bench: a whole network's assertions from scores to signed rows, by our thread and by nostr-tools' pure JavaScript, in one run. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { finalizeEvent } from "nostr-tools/pure";
import type pg from "pg";
import { deriveServiceKey, type ServiceKey } from "../../adapters/nostr/keys.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { openSigningThread } from "../../apps/signing-thread.ts";
import type { SignedEvent, UnsignedEvent } from "../../core/nip85/event.ts";
import { unixSeconds } from "../../core/units.ts";
import { publishAssertions } from "../../oracle/publish/publish-assertions.ts";
import { pagesOf, someScores } from "./publish.ts";
import { ratio, report } from "./report.ts";

const start = unixSeconds(1_790_000_000);

type Sign = (events: readonly UnsignedEvent[]) => Promise<SignedEvent[]>;

/** Prints seconds, and how many times as long the other one takes. */
export async function benchSigning(): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "satrank-bench-"));
  chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
  const onError = () => undefined;
  const pool = openDatabase({ url: postgres.url, maxConnections: 4, onError });
  const ours = deriveServiceKey(new Uint8Array(32).fill(9), "lightning-node");
  const theirs = deriveServiceKey(new Uint8Array(32).fill(8), "lightning-node");
  const thread = openSigningThread([ours], () => {
    throw new Error("WebAssembly cannot be loaded here");
  });
  try {
    await migrate(pool);
    const scores = someScores();
    const say = (key: ServiceKey, sign: Sign) => published(pool, key, sign, scores);
    const pure: Sign = async (events) =>
      events.map(({ kind, created_at, tags, content }) => {
        const { id, pubkey, sig } = finalizeEvent({ kind, created_at, tags, content }, theirs.secretKey);
        return { id, pubkey, created_at, kind, tags, content, sig };
      });
    const fast = await say(ours, thread.sign);
    const slow = await say(theirs, pure);
    report(`${scores.length} assertions built, linted, signed and stored on Postgres`, [
      { name: "nostr-tools 2.25.2 pure (baseline)", value: `${slow.toFixed(1)} s` },
      { name: "signing thread", value: `${fast.toFixed(1)} s`, note: `${ratio(slow, fast)} times as fast` },
    ]);
  } finally {
    await thread.close();
    await pool.end();
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Seconds until all of it is stored. */
async function published(
  pool: pg.Pool,
  { pubkey }: ServiceKey,
  sign: Sign,
  scores: ReturnType<typeof someScores>,
): Promise<number> {
  const from = performance.now();
  const { staged } = await publishAssertions(
    { ...outboxTable(pool), sign },
    { statements: pagesOf(scores, pubkey), pubkeys: [pubkey], now: start, signal: new AbortController().signal },
  );
  if (staged !== scores.length) throw new Error(`${staged} of ${scores.length} assertions were stored`);
  return (performance.now() - from) / 1_000;
}
