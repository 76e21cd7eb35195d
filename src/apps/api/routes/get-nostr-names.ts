/** GET /.well-known/nostr.json?name=: which Nostr key a name at this host is, and where it writes. Free. Source: NIP-05. */
import { Router } from "express";
import type { OracleKey } from "../../../core/nip85/key-ring.ts";
import { NIP05_NAME } from "../../../core/nip85/roles.ts";

export type NostrNamesPorts = {
  /** All keys, those in use and those that were. */
  list(): Promise<OracleKey[]>;
  /** Where a key says that it writes; empty while it has said nothing. */
  writeRelays(pubkey: string): Promise<string[]>;
  /** Unix seconds. */
  now(): number;
};

type Named = { name: string; pubkey: string; relays: string[] };

const KEPT_SEC = 60;
const CACHED = "public, max-age=300";

/** Answers for one name at a time. A name that is not there, or is none, gets an empty answer and never an error. */
export function nostrNamesRouter({ list, writeRelays, now }: NostrNamesPorts): Router {
  let kept: { until: number; named: Promise<Named[]> } | undefined;
  const read = async (): Promise<Named[]> => {
    const inUse = (await list()).filter(({ until }) => until === undefined);
    return Promise.all(
      inUse.map(async ({ role, pubkey }) => ({ name: NIP05_NAME[role], pubkey, relays: await writeRelays(pubkey) })),
    );
  };
  const recent = (): Promise<Named[]> => {
    if (kept && now() < kept.until) return kept.named;
    const mine = { until: now() + KEPT_SEC, named: read() };
    kept = mine;
    mine.named.catch(() => {
      if (kept === mine) kept = undefined;
    });
    return mine.named;
  };
  const router = Router();
  router.get("/.well-known/nostr.json", async (request, response) => {
    const { name } = request.query;
    const found = typeof name === "string" ? (await recent()).find((each) => each.name === name) : undefined;
    const { names, relays } = found
      ? {
          names: { [found.name]: found.pubkey },
          relays: found.relays.length > 0 ? { [found.pubkey]: found.relays } : {},
        }
      : { names: {}, relays: {} };
    response.set("Cache-Control", CACHED).json({ names, relays });
  });
  return router;
}
