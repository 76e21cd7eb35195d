/** One connection to one LND for one purpose: what is known of how it stands, kept fresh. */
import { closeLnd, type LndClient, type LndEvent, renewLnd } from "../adapters/lnd/connect.ts";
import { examineConnection } from "../adapters/lnd/examine-connection.ts";
import type { NodeInfo } from "../adapters/lnd/get-info.ts";
import type { Trouble } from "../adapters/lnd/trouble.ts";
import { now } from "./clock.ts";
import { type LndEndpoint, openLnd, type Purpose, readCredentials } from "./lnd-endpoint.ts";
import { judgeExamination, NEEDS, type NodeName, type Standing } from "./lnd-purposes.ts";

/** `unknown` until it was examined for the first time. */
export type ConnectionState = {
  node: NodeName;
  purpose: Purpose;
  standing: Standing | "unknown";
  troubles: readonly Trouble[];
};

export type LndConnection = {
  node: NodeName;
  purpose: Purpose;
  /** Undefined while its files cannot be read. */
  client(): LndClient | undefined;
  state(): ConnectionState;
  /** What the node last said of itself; undefined for other purposes than readonly, and while it is away. */
  info(): NodeInfo | undefined;
  /** Looks at the node, and at its files when all is not well. Never throws. */
  examine(signal: AbortSignal): Promise<ConnectionState>;
  close(): void;
};

/** Less than a caller waits, so that a silent node is known before many have waited for it. */
const EXAMINE_MS = 5_000;

/**
 * Prepares a connection. Of one that pays, unreadable files are a trouble like others, to be mended while the process
 * runs; the process is of no use without the other two.
 *
 * @throws CONFIG_INVALID when the files cannot be read
 */
export function openConnection(
  node: NodeName,
  purpose: Purpose,
  endpoint: LndEndpoint,
  onEvent: (event: LndEvent) => void,
): LndConnection {
  let client = purpose === "pay" ? undefined : openLnd(endpoint, purpose, onEvent);
  let state: ConnectionState = { node, purpose, standing: "unknown", troubles: [] };
  let info: NodeInfo | undefined;
  let isClosed = false;

  /** Also when a node or an operator has replaced what is in the files. */
  const readFiles = (): Trouble | undefined => {
    try {
      if (client) renewLnd(client, readCredentials(endpoint, purpose));
      else if (!isClosed) client = openLnd(endpoint, purpose, onEvent);
      return undefined;
    } catch (error) {
      return { trouble: "credentials-unreadable", words: error instanceof Error ? error.message : String(error) };
    }
  };
  const look = async (signal: AbortSignal) => {
    const unreadable = state.standing === "ok" ? undefined : readFiles();
    if (!client) return { standing: "down" as const, troubles: unreadable ? [unreadable] : [] };
    const needs = NEEDS[purpose].map(({ permission }) => permission);
    const examination = await examineConnection(client, needs, now(), { deadlineMs: EXAMINE_MS, signal });
    info = examination.info;
    return judgeExamination(node, purpose, examination);
  };

  return {
    node,
    purpose,
    client: () => client,
    state: () => state,
    info: () => info,
    async examine(signal) {
      const found = await look(signal);
      if (!signal.aborted) state = { node, purpose, ...found };
      return state;
    },
    close() {
      isClosed = true;
      if (client) closeLnd(client);
    },
  };
}
