/** The sweep of invoices that nobody paid in time. */
import type { Database } from "../../adapters/postgres/connect.ts";
import { openInvoiceTable } from "../../adapters/postgres/open-invoice.ts";
import { now } from "../clock.ts";

const SWEEP_MS = 15_000;

/** What the sweep reports. */
export type SweepEvents = { openInvoices(count: number): void; failed(place: string, error: unknown): void };

/** Forgets expired invoices and says how many are open, until stopped. Every api process does this. */
export function sweepInvoices(database: Database, events: SweepEvents): { stop(): void } {
  const table = openInvoiceTable(database);
  const sweep = async () => {
    await table.sweep(now());
    events.openInvoices(await table.count(now()));
  };
  const guarded = () => void sweep().catch((error: unknown) => events.failed("sweep of expired invoices", error));
  guarded();
  const timer = setInterval(guarded, SWEEP_MS);
  return { stop: () => clearInterval(timer) };
}
