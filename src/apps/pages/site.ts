/** What the site has that a page came from. A page that was opened from a file has none, and asks nobody. */
import type { Entity } from "../../core/nip85/entity.ts";
import { readEvent, type SignedEvent } from "../../core/nip85/event.ts";
import { askRelay } from "./relay.ts";

const TIMEOUT_MS = 10_000;
const SITE = /^https?:$/.test(location.protocol) ? location.origin : undefined;

type Named = Entity | { readonly type: "event"; readonly id: string };

/** An event with everything that it is checked by; undefined where there is none. */
export async function findOnSite(named: Named): Promise<{ event: SignedEvent; lines: unknown[] } | undefined> {
  if (SITE === undefined) return undefined;
  const id = named.type === "event" ? named.id : await newestId(named);
  if (id === undefined) return undefined;
  const response = await fetch(`${SITE}/api/audit/dossier/${id}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) return undefined;
  const { data } = (await response.json()) as { data?: { lines?: unknown } };
  const lines = Array.isArray(data?.lines) ? data.lines : [];
  const event = lines.map(readEvent).find((each) => each?.id === id);
  return event && { event, lines };
}

/** By the site's own relay. */
async function newestId({ kind, pubkey, d }: Entity & { type: "address" }): Promise<string | undefined> {
  const filter = { kinds: [kind], authors: [pubkey], "#d": [d] };
  const { events } = await askRelay(`${SITE!.replace(/^http/, "ws")}/relay`, filter);
  const [newest] = [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  return newest?.id;
}
