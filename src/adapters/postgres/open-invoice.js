/** Table `open_invoice`: our invoices that may still be paid, how many there may be, and who may be handed one again. */
import { toHex } from "../../core/bytes.js";
import { translated } from "./connect.js";

/** A claim whose process died is free again after this: longer than LND may take to make an invoice. */
const LEASE_SEC = 30;
/** An invoice this old that is not paid may be canceled for another of the same prefix. */
const MIN_AGE_SEC = 30;
const POLL_MS = 25;
/** As long as LND may take. */
const WAIT_MS = 12_000;
const CLAIM = `
  SELECT outcome, slot_id, payment_hash, invoice, retry_sec
  FROM claim_open_invoice($1, $2, $3, $4, $5, ${LEASE_SEC}, $6, ${MIN_AGE_SEC}, $7, $8)`;
export function openInvoiceTable(database) {
  const underWay = new Map();
  /** One indexed statement. "pending" while the invoice is being made, undefined when there is none to share. */
  const find = async (client, now, minLifeSec) => {
    const text = `
      SELECT payment_hash, invoice FROM open_invoice
      WHERE client = $1 AND expires_at > $2 AND (payment_hash IS NULL OR expires_at >= $2 + $3)`;
    const { rows } = await translated(
      database.query({ name: "open-invoice-find", text, values: [client, now, minLifeSec] }),
    );
    if (!rows[0]) return undefined;
    return rows[0].payment_hash === null ? "pending" : openInvoice(rows[0]);
  };
  return {
    find,
    /** Runs `work` once for all who ask this process for the same client's invoice at the same time. */
    together(client, work) {
      const key = toHex(client);
      const running = underWay.get(key) ?? work().finally(() => underWay.delete(key));
      underWay.set(key, running);
      return running;
    },
    /** Waits until another process has made this client's invoice. Undefined when that failed, or takes too long. */
    async whenMade(client, now, minLifeSec) {
      for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += POLL_MS) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        const found = await find(client, now, minLifeSec);
        if (found !== "pending") return found;
      }
      return undefined;
    },
    /** Takes the place of one more open invoice. Atomic, and exact across processes. */
    async claim(claim) {
      const { client, prefix, amount, freed, now, minLifeSec, limits } = claim;
      const values = [client ?? null, prefix, amount, freed ?? null, now, minLifeSec, limits.perPrefix, limits.total];
      const { rows } = await translated(database.query({ name: "open-invoice-claim", text: CLAIM, values }));
      return claimOutcome(rows[0]);
    },
    /** Writes the invoice that was made for a claim. */
    async fill(slotId, made) {
      const text = `
        UPDATE open_invoice SET payment_hash = $2, invoice = $3, created_at = $4, expires_at = $5 WHERE slot_id = $1`;
      const values = [slotId, made.paymentHash, made.invoice, made.now, made.expiresAt];
      await translated(database.query({ name: "open-invoice-fill", text, values }));
    },
    /** Gives back a claim for which no invoice could be made. */
    async release(slotId) {
      const text = "DELETE FROM open_invoice WHERE slot_id = $1 AND payment_hash IS NULL";
      await translated(database.query({ name: "open-invoice-release", text, values: [slotId] }));
    },
    /** Forgets what has expired: LND cancels such invoices itself. @returns how many */
    async sweep(now) {
      const text = "DELETE FROM open_invoice WHERE expires_at <= $1";
      const { rowCount } = await translated(database.query({ name: "open-invoice-sweep", text, values: [now] }));
      return rowCount ?? 0;
    },
    /** How many places are taken. */
    async count(now) {
      const text = "SELECT count(*)::integer AS count FROM open_invoice WHERE expires_at > $1";
      const { rows } = await translated(database.query({ name: "open-invoice-count", text, values: [now] }));
      return rows[0].count;
    },
  };
}
function claimOutcome(row) {
  const { outcome } = row;
  if (outcome === "claimed") return { outcome, slotId: row.slot_id };
  if (outcome === "open") return { outcome, ...openInvoice(row) };
  if (outcome === "trade") return { outcome, paymentHash: new Uint8Array(row.payment_hash) };
  if (outcome === "pending") return { outcome };
  const retryAfterSec = Math.max(1, Number(row.retry_sec ?? 1n));
  return { outcome: outcome === "full" ? "full" : "crowded", retryAfterSec };
}
function openInvoice(row) {
  return { paymentHash: new Uint8Array(row.payment_hash), invoice: row.invoice };
}
//# sourceMappingURL=open-invoice.js.map
