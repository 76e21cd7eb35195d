/** A route as the sender writes it, hop by hop (LND's lnrpc.Route without its deprecated fields). */

/** One hop: the channel it is reached through, and what it is told to do. */
export type Hop = {
  channelId: bigint;
  /** The node that is reached. */
  node: number;
  /** What this node forwards; at the last hop, what it receives. */
  forwardMsat: number;
  /** What this node keeps for forwarding; 0 at the last hop. */
  feeMsat: number;
  /** Time lock (block height) of what this node sends on; at the last hop, of what it receives. */
  expiry: number;
};

export type Route = {
  hops: Hop[];
  /** What leaves the sender: the last hop's amount and all fees. */
  totalMsat: number;
  totalFeesMsat: number;
  /** Time lock of the first HTLC. */
  totalTimeLock: number;
};
