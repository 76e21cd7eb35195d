/** What can be wrong with a connection to LND, in a closed set of words that monitors can count on. */

/**
 * How much each is worth: `down` serves nobody, `degraded` serves but not as it should, `notice` is to be mended in time.
 * `docs/lnd.md` says of each what to do.
 */
export const TROUBLES = {
  "host-unknown": "down",
  "not-listening": "down",
  unreachable: "down",
  silent: "down",
  "not-lnd": "down",
  "no-calls": "down",
  "certificate-changed": "down",
  "certificate-expired": "down",
  "credentials-unreadable": "down",
  "wallet-missing": "down",
  "wallet-locked": "down",
  starting: "down",
  standby: "down",
  failing: "down",
  "macaroon-refused": "down",
  "permission-missing": "down",
  "not-synced-to-chain": "degraded",
  "clock-skew": "degraded",
  "not-synced-to-graph": "notice",
  "permission-excess": "notice",
  "certificate-expires-soon": "notice",
} as const;

export type TroubleName = keyof typeof TROUBLES;

/** One trouble, and a sentence for the operator that says what to do. The sentence may name hosts: it is for logs. */
export type Trouble = { trouble: TroubleName; words: string };
