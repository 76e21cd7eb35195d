/** The crawler's graph beside its event loop: LND's bytes go in, what is to be stored comes out. */
import type { Evidence } from "../core/evidence/observation.ts";
import type { GraphChange } from "../core/graph/change.ts";
import type { UnixSeconds } from "../core/units.ts";
import {
  type Answered,
  createGraphService,
  type GraphService,
  type Harvested,
  type Messages,
} from "./graph-service.ts";
import type { RatedGraph, RatedNode } from "./rate-graph.ts";
import { moving, openThread, serveThread } from "./thread.ts";

/** The graph thread as the crawler sees it. Pages can be read again until the next call that changes anything. */
export type GraphThread = {
  open(stored: { body: Uint8Array; deltas: Uint8Array[] } | undefined): Promise<void>;
  /** The bytes move into the thread and are gone here. @throws GRAPH_MALFORMED */
  read(bytes: Uint8Array, now: UnixSeconds): Promise<ReturnType<GraphService["read"]>>;
  advance(answers: Answered[], heard: Messages, now: UnixSeconds): Promise<Harvested>;
  history(): AsyncIterable<GraphChange[]>;
  rate(now: UnixSeconds, evidence: readonly Evidence[]): Promise<Omit<RatedGraph, "nodes">>;
  nodes(): AsyncIterable<RatedNode[]>;
  close(): Promise<void>;
};

const NAME = "graph";

/** Opens a thread; it starts with the first call. After a crash it holds nothing, and must be opened again. */
export function openGraphThread(): GraphThread {
  const thread = openThread<GraphService>(NAME, import.meta.url);
  return {
    open: (stored) => thread.call("open", stored),
    read: (bytes, now) => thread.call("read", moving({ bytes, now }, [bytes])),
    advance: (answers, heard, now) => thread.call("advance", { answers, heard, now }),
    history: () => pages((from) => thread.call("history", { from })),
    rate: (now, evidence) => thread.call("rate", { now, evidence }),
    nodes: () => pages((from) => thread.call("rows", { from })),
    close: thread.close,
  };
}

/** All pages up to the first empty one; each iteration begins anew. */
function pages<Item>(read: (from: number) => Promise<Item[]>): AsyncIterable<Item[]> {
  return {
    async *[Symbol.asyncIterator]() {
      let from = 0;
      for (let page = await read(from); page.length > 0; page = await read(from)) {
        yield page;
        from += page.length;
      }
    },
  };
}

serveThread(NAME, createGraphService());
