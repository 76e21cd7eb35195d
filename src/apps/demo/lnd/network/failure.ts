/** Why a payment attempt came back, in LND's own words (lnrpc.Failure.FailureCode; BOLT 4). */
export type FailureCode =
  | "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS"
  | "AMOUNT_BELOW_MINIMUM"
  | "FEE_INSUFFICIENT"
  | "INCORRECT_CLTV_EXPIRY"
  | "EXPIRY_TOO_SOON"
  | "EXPIRY_TOO_FAR"
  | "TEMPORARY_CHANNEL_FAILURE"
  | "UNKNOWN_NEXT_PEER"
  | "FINAL_INCORRECT_CLTV_EXPIRY"
  | "FINAL_INCORRECT_HTLC_AMOUNT"
  | "MPP_TIMEOUT";

/**
 * `sourceIndex` is the position of the node that reports: 0 is the sender, i the node that hop i−1 reaches. `arc` is
 * the channel direction whose policy comes along, `htlcMsat` the amount that came in, where the code has them.
 */
export type Failure = { code: FailureCode; sourceIndex: number; arc?: number; htlcMsat?: number; height?: number };
