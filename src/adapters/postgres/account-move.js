import { inTransaction, translated } from "./connect.js";

/** What a late payment or refund may still bring is looked for this long; after that, at the holder's next word only. */
const FOLLOW_SEC = 172_800;
const BATCH = 1_000;
export function accountMoveTable(database) {
  /** Brings what has reached an account after it was replaced to where the rest went. @returns whether there was any */
  const follow = (fromAccountId, at) =>
    inTransaction(database, async (client) => {
      const { rows } = await client.query(
        `SELECT account_id, balance_msat, to_account_id FROM token, rotation
         WHERE from_account_id = $1 AND account_id IN (from_account_id, to_account_id) ORDER BY token_id FOR UPDATE OF token`,
        [fromAccountId],
      );
      const from = rows.find(({ account_id }) => account_id === fromAccountId);
      if (!from || from.balance_msat === 0n) return false;
      await move(client, { fromAccountId, toAccountId: from.to_account_id, amount: from.balance_msat, at });
      return true;
    });
  return {
    /**
     * Opens the new account with the whole balance of the old one, and revokes the old one. Atomic; whoever asks again with
     * the same key is told the same account. A running call keeps its price: what it gives back follows later.
     */
    async rotate(rotation) {
      const { rotated, repeatOf } = await inTransaction(database, (client) => rotateOnce(client, rotation));
      if (repeatOf !== undefined) await follow(repeatOf, rotation.at);
      return rotated;
    },
    /** Moves whatever has reached accounts after they were replaced. @returns of how many */
    async followAll(at) {
      const text = `SELECT from_account_id FROM rotation JOIN token ON account_id = from_account_id
        WHERE rotated_at >= $1 AND balance_msat > 0 LIMIT ${BATCH}`;
      const { rows } = await translated(
        database.query({ name: "rotation-follow", text, values: [Math.max(0, at - FOLLOW_SEC)] }),
      );
      let count = 0;
      for (const row of rows) if (await follow(row.from_account_id, at)) count += 1;
      return count;
    },
  };
}
async function rotateOnce(client, { from, to, keyDigest, at }) {
  const found = await client.query(
    "SELECT account_id, balance_msat, revoked_at FROM token WHERE token_id = $1 FOR UPDATE",
    [from],
  );
  const [old] = found.rows;
  if (!old) return { rotated: { rotated: false, reason: "unknown" } };
  // A statement of its own: it must see what was committed while this one waited for the row.
  const before = await client.query(
    `SELECT token_id, key_digest = $2 AS is_same FROM rotation JOIN token ON account_id = to_account_id WHERE from_account_id = $1`,
    [old.account_id, keyDigest],
  );
  const [done] = before.rows;
  if (done?.is_same) return { rotated: { rotated: true, tokenId: bytesOf(done.token_id) }, repeatOf: old.account_id };
  if (old.revoked_at !== null) return { rotated: { rotated: false, reason: "revoked" } };
  const opened = await client.query(
    "INSERT INTO token (token_id, balance_msat, opened_at) VALUES ($1, 0, $2) RETURNING account_id",
    [to, at],
  );
  const route = { fromAccountId: old.account_id, toAccountId: opened.rows[0].account_id };
  await client.query("UPDATE token SET revoked_at = $2 WHERE account_id = $1", [route.fromAccountId, at]);
  await client.query(
    "INSERT INTO rotation (from_account_id, to_account_id, key_digest, rotated_at) VALUES ($1, $2, $3, $4)",
    [route.fromAccountId, route.toAccountId, keyDigest, at],
  );
  if (old.balance_msat > 0n) await move(client, { ...route, amount: old.balance_msat, at });
  return { rotated: { rotated: true, tokenId: to } };
}
/** All that an account has. Both rows are locked. */
async function move(client, { fromAccountId, toAccountId, amount, at }) {
  await client.query("UPDATE token SET balance_msat = balance_msat - $2 WHERE account_id = $1", [
    fromAccountId,
    amount,
  ]);
  await client.query("UPDATE token SET balance_msat = balance_msat + $2 WHERE account_id = $1", [toAccountId, amount]);
  await client.query(
    "INSERT INTO account_move (from_account_id, to_account_id, amount_msat, moved_at) VALUES ($1, $2, $3, $4)",
    [fromAccountId, toAccountId, amount, at],
  );
}
function bytesOf(buffer) {
  return new Uint8Array(buffer);
}
//# sourceMappingURL=account-move.js.map
