/** Invoices of the simulated payee, for the payers of a spending attack. */
import { readFileSync } from "node:fs";
import { addInvoice } from "../../adapters/lnd/add-invoice.ts";
import { closeLnd, connectLnd, type LndClient } from "../../adapters/lnd/connect.ts";
import type { SimulatedLightning } from "../../apps/demo/lnd/start.ts";
import { type Msat, msat } from "../../core/units.ts";
import type { Random } from "../fuzz/random.ts";

export type Issued = { invoice: string; paymentHash: Uint8Array; amount: Msat; subject: string };

const SUBJECTS = ["https://a.example/", "https://b.example/", "https://c.example/"];

/** The payee's own connection. */
export function dialPayee({ payer }: SimulatedLightning): LndClient {
  const macaroonHex = readFileSync(payer.macaroonPaths.invoice).toString("hex");
  return connectLnd({ host: payer.host, tlsCert: readFileSync(payer.tlsCertPath), macaroonHex });
}

/** Amounts of 20 to 60 satoshis and odd msat. */
export async function issueInvoices(
  lightning: SimulatedLightning,
  { count, expirySec, random }: { count: number; expirySec: number; random: Random },
): Promise<Issued[]> {
  const payee = dialPayee(lightning);
  const issued: Issued[] = [];
  for (let i = 0; i < count; i++) {
    const amount = msat(BigInt(20_000 + random.below(40_000)));
    const made = await addInvoice(payee, { amount, memo: "for sale", expirySec });
    issued.push({ ...made, amount, subject: SUBJECTS[random.below(SUBJECTS.length)]! });
  }
  closeLnd(payee);
  return issued;
}
