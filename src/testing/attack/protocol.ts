/** What the driver of an attack and its api processes tell each other over Node's channel between parent and child. */
import type { TollNode } from "../toll-api.ts";

/** To a child that waits: begin. */
export type Begin = {
  kind: "begin";
  databaseUrl: string;
  /** Master keys, the current one first. */
  keys: Uint8Array[];
  maxConnections: number;
  /** A till not heard of for so long is swept, and how often a child beats and sweeps. */
  silentSec: number;
  beatMs: number;
  /** Added to the machine's clock. */
  skewSec: number;
};

export type NodeVerb = keyof TollNode;
/** A child asks the driver's node. */
export type NodeCall = { kind: "node"; id: number; verb: NodeVerb; argument: unknown };
/** And hears what it said, or the message of what it threw. */
export type NodeAnswer = { kind: "node"; id: number; result?: unknown; failure?: string };

export type ToChild = Begin | NodeAnswer;
/**
 * `ready`: modules are loaded; `listening`: begin was done; `swept`: open charges of a dead process were given back; `failure`: what
 * its log calls unexpected.
 */
export type ToDriver =
  | NodeCall
  | { kind: "ready" }
  | { kind: "listening"; port: number }
  | { kind: "swept"; count: number }
  | { kind: "failure"; line: string };
