/** Table `outcome_report`: which outcomes rest on the word of whoever asked. */
import type { BookedReport } from "../../core/report/payment-proof.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, translated } from "./connect.ts";
import { appendEvidence } from "./evidence.ts";
import { bookOutcome } from "./prediction.ts";

export function reportTable(database: Database) {
  return {
    /** What a paid answer said, by its predictionId. */
    async findTold(predictionId: string) {
      const text =
        "SELECT target, amount_msat, predicted_at FROM prediction WHERE prediction_id = $1 AND kind = 'payment'";
      const { rows } = await translated(database.query({ name: "prediction-told", text, values: [predictionId] }));
      const [row] = rows;
      return (
        row && { target: String(row.target), amount: msat(row.amount_msat), at: unixSeconds(Number(row.predicted_at)) }
      );
    },

    /** Books the outcome, whose word it is, and what it proves. */
    async bookReport({ predictionId, happened, at, proof }: BookedReport): Promise<"booked" | "repeated" | "used"> {
      let refusal: "repeated" | "used" | undefined;
      const refuse = (why: typeof refusal) => {
        refusal = why;
        throw new Error(why);
      };
      const work = inTransaction(database, async (client) => {
        if (!(await bookOutcome(client, predictionId, { happened, at }))) refuse("repeated");
        const text = `INSERT INTO outcome_report (prediction_id, payment_hash, reported_at) VALUES ($1, $2, $3)
          ON CONFLICT (payment_hash) DO NOTHING`;
        const { rowCount } = await client.query(text, [predictionId, proof?.paymentHash ?? null, at]);
        if (rowCount === 0) refuse("used");
        if (proof) await appendEvidence(client, [proof.evidence]);
        return "booked" as const;
      });
      return work.catch((error: unknown) => {
        if (refusal) return refusal;
        throw error;
      });
    },
  };
}
