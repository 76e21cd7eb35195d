/** What probes should help to answer: the payments people asked about, from table `prediction`, and the ranks we publish. */
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** A node to be reached, as 33 bytes: who asked is not known here. */
export type ProbeQuestionRow = {
  target: Uint8Array;
  amountMsat: number;
  weight: number;
};

const ASKED_WINDOW_SEC = 7 * 86_400;
/** A question counts half as much a day later. */
const HALF_LIFE_SEC = 86_400;
const ASKED_LIMIT = 200;
/** Nodes with a rank are a weak background: with few questions they decide, with many they do not. */
const RANKED_LIMIT = 256;
const RANKED_WEIGHT = 0.0025;
const RANKED_AMOUNTS_MSAT = [1e6, 1e7, 1e8, 1e9] as const;
const RANKED_TURN_SEC = 3_600;

/** Questions with their weights. The ranked nodes among them change every hour, so that each has its turn. */
export async function probeQuestions(database: Queryable, now: UnixSeconds): Promise<ProbeQuestionRow[]> {
  const asked = `SELECT decode(target, 'hex') AS target_key, amount_msat, sum(power(2::float8, -($1::bigint - predicted_at)::float8 / ${HALF_LIFE_SEC})) AS weight
    FROM prediction WHERE kind = 'payment' AND predicted_at > $1::bigint - ${ASKED_WINDOW_SEC} AND predicted_at <= $1::bigint
    GROUP BY target, amount_msat ORDER BY weight DESC, target LIMIT ${ASKED_LIMIT}`;
  const ranked = `SELECT node_key FROM node WHERE rank IS NOT NULL ORDER BY md5(node_key::text || $1::text) LIMIT ${RANKED_LIMIT}`;
  const [questions, nodes] = await Promise.all([
    translated(database.query({ name: "probe-asked", text: asked, values: [now] })),
    translated(database.query({ name: "probe-ranked", text: ranked, values: [Math.floor(now / RANKED_TURN_SEC)] })),
  ]);
  return [
    ...questions.rows.map((row) => ({
      target: row.target_key,
      amountMsat: Number(row.amount_msat),
      weight: row.weight,
    })),
    ...nodes.rows.map((row, i) => ({
      target: row.node_key,
      amountMsat: RANKED_AMOUNTS_MSAT[i % RANKED_AMOUNTS_MSAT.length]!,
      weight: RANKED_WEIGHT,
    })),
  ];
}
