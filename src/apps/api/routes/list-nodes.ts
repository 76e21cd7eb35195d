/** GET /api/nodes and /api/nodes/search: the ranking, and nodes by alias. Free. */
import { z } from "zod";
import type { StoredNode } from "../../../adapters/postgres/graph.ts";
import { OracleError } from "../../../core/errors.ts";
import { isPrintable } from "../../../core/subject.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { nodeSummary } from "../schemas.ts";

export type NodeSummary = z.infer<typeof nodeSummary>;

export type ListPorts = {
  ranking(page: { limit: number; after?: { rank: number; keyHex: string } }): Promise<StoredNode[]>;
  search(alias: string, limit: number): Promise<StoredNode[]>;
};

const limit = z.coerce.number().int().min(1).max(100).default(20);
const listQuery = z.object({ limit, cursor: z.string().max(100).optional() });
const searchQuery = z.object({
  limit,
  alias: z.string().trim().min(1).max(64).refine(isPrintable, "printable characters only"),
});

type ListQuery = z.infer<typeof listQuery>;
type SearchQuery = z.infer<typeof searchQuery>;

export const listNodesContract = {
  operation: "listNodes",
  method: "get",
  path: "/api/nodes",
  summary: "Rated Lightning nodes, best first",
  query: listQuery,
  response: z.object({ nodes: z.array(nodeSummary), nextCursor: z.string().nullable() }),
} as const satisfies Contract;

export const searchNodesContract = {
  operation: "searchNodes",
  method: "get",
  path: "/api/nodes/search",
  summary: "Lightning nodes whose alias begins with a text",
  query: searchQuery,
  response: z.object({ nodes: z.array(nodeSummary) }),
} as const satisfies Contract;

export function listNodes(ports: ListPorts): FreeOperation<ListQuery, z.infer<typeof listNodesContract.response>> {
  return {
    ...listNodesContract,
    async serve({ limit, cursor }) {
      const after = cursor === undefined ? {} : { after: parseCursor(cursor) };
      const nodes = await ports.ranking({ limit, ...after });
      const last = nodes.length === limit ? nodes.at(-1) : undefined;
      return { nodes: nodes.map(summary), nextCursor: last?.score ? `${last.score.rank}.${last.keyHex}` : null };
    },
  };
}

export function searchNodes(
  ports: ListPorts,
): FreeOperation<SearchQuery, z.infer<typeof searchNodesContract.response>> {
  return {
    ...searchNodesContract,
    async serve({ alias, limit }) {
      return { nodes: (await ports.search(alias, limit)).map(summary) };
    },
  };
}

/** Where the last page ended. @throws VALIDATION_FAILED */
function parseCursor(text: string): { rank: number; keyHex: string } {
  const [, rank, keyHex] = /^(\d{1,3})\.(0[23][0-9a-f]{64})$/.exec(text) ?? [];
  if (rank === undefined || keyHex === undefined)
    throw new OracleError("VALIDATION_FAILED", "cursor: use the nextCursor of the page before");
  return { rank: Number(rank), keyHex };
}

function summary(node: StoredNode): NodeSummary {
  const { score } = node;
  return {
    key: node.keyHex,
    alias: node.alias,
    channelCount: node.channelCount,
    liveInboundCount: node.liveInCount,
    capacitySat: String(node.capacitySat),
    rank: score?.rank ?? null,
    rankLow: score?.rankLow ?? null,
    rankHigh: score?.rankHigh ?? null,
    reachRatio: score?.reachRatio ?? null,
    observations: score?.observations ?? null,
    scoredAt: score?.scoredAt ?? null,
  };
}
