/**
 * GET /api/audit/head, /entries, /entries/{position}, /proof/{position} and /consistency: the evidence log for whoever wants to
 * check what is drawn from it. Free. What it holds of customers and of our own payments: docs/verifying.md.
 */
import { z } from "zod";
import type { EvidenceRoot } from "../../../adapters/postgres/evidence-tree.ts";
import { toHex } from "../../../core/bytes.ts";
import { METHODS } from "../../../core/endpoint/endpoint.ts";
import { OracleError } from "../../../core/errors.ts";
import type { Link } from "../../../core/evidence/chain.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { hash, nodeKeyInput } from "../schemas.ts";
import { sendUnlessUnchanged } from "../unchanged.ts";

const DIGITS = /^(0|[1-9]\d{0,15})$/;
const count = z.string().regex(DIGITS, "a decimal number");
const countInput = count.transform(BigInt).meta({ override: { type: "string", pattern: DIGITS.source } });
const params = z.object({
  position: countInput.meta({ description: "Number of an entry, the first one is 1", override: { type: "string" } }),
});
const path = z.array(hash).max(64).meta({ description: "What is hashed beside it, lowest first (RFC 9162, 2.1.3)" });

const head = z.object({
  size: count.meta({ description: "How many entries there are" }),
  root: hash.meta({ description: "Merkle tree hash over all of them (RFC 9162); leaves are the entries' UTF-8 text" }),
  chainHash: hash.meta({ description: "Hash of the newest entry in the chain, which covers all before it" }),
});
const entry = z.object({
  position: count,
  entry: z.string().max(2_000).meta({ description: "The canonical text, as it is hashed" }),
  chainHash: hash.meta({ description: "SHA-256 of the chain hash before it and this text" }),
});
const listQuery = z.strictObject({
  after: countInput.default(0n).meta({ description: "Position of the last entry that is known" }),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  node: nodeKeyInput.toLowerCase().optional().meta({ description: "Only observations that name this node" }),
  endpoint: hash.optional().meta({ description: "Only calls of this endpoint: SHA-256 of its URL" }),
  method: z.enum(METHODS).default("GET").meta({ description: "Of the endpoint" }),
});
const list = z.object({
  entries: z.array(entry),
  next: count.nullable().meta({ description: "`after` of the next page" }),
});
const proofQuery = z.strictObject({
  size: countInput.optional().meta({ description: "Of the tree that it is proved in; default: all there is now" }),
});
const proof = z.object({ position: count, size: count, root: hash, path });
const growthQuery = z.strictObject({ from: countInput, to: countInput });
const growth = z.object({ from: count, fromRoot: hash, to: count, toRoot: hash, path });

export const evidenceHeadContract = {
  operation: "getEvidenceHead",
  method: "get",
  path: "/api/audit/head",
  summary: "One hash over all of the evidence log",
  response: head,
} as const satisfies Contract;
export const listEvidenceContract = {
  operation: "listEvidence",
  method: "get",
  path: "/api/audit/entries",
  summary: "The evidence log in its order: all of it, or what it has of one node or endpoint",
  query: listQuery,
  response: list,
} as const satisfies Contract;
export const getEvidenceContract = {
  operation: "getEvidence",
  method: "get",
  path: "/api/audit/entries/{position}",
  summary: "One entry of the evidence log",
  params,
  response: entry,
} as const satisfies Contract;
export const proveEvidenceContract = {
  operation: "proveEvidence",
  method: "get",
  path: "/api/audit/proof/{position}",
  summary: "What shows that an entry is in the log",
  params,
  query: proofQuery,
  response: proof,
} as const satisfies Contract;
export const proveGrowthContract = {
  operation: "proveEvidenceGrowth",
  method: "get",
  path: "/api/audit/consistency",
  summary: "What shows that the log has only grown from one size to another",
  query: growthQuery,
  response: growth,
} as const satisfies Contract;

export type ReadEvidencePorts = LimitPorts & {
  log: {
    page(after: bigint, limit: number): Promise<Link[]>;
    nodePage(node: string, after: bigint, limit: number): Promise<Link[]>;
    callPage(endpoint: string, method: string, after: bigint, limit: number): Promise<Link[]>;
  };
  tree: {
    root(size?: bigint): Promise<EvidenceRoot>;
    path(position: bigint, size: bigint): Promise<Uint8Array[]>;
    consistency(from: bigint, to: bigint): Promise<Uint8Array[]>;
  };
  /** Counts one reading against an address range. */
  takeReading: TakeOne;
};

const KEPT_SEC = 10;
/** What an entry says, and what is proved of so many of them, never changes. */
const FOR_EVER_SEC = 31_536_000;

// biome-ignore lint/suspicious/noExplicitAny: each is mounted by its own contract
export function readEvidence(ports: ReadEvidencePorts): FreeOperation<any, unknown>[] {
  const { log, tree } = ports;
  const operation = <Input>(
    contract: Contract,
    answer: (input: Input) => Promise<{ data: unknown; keptSec: number }>,
  ): FreeOperation<Input, unknown> => ({
    ...contract,
    async serve(input, request, response) {
      await holdToLimit(ports, "audit", ports.takeReading, request, response);
      const { data, keptSec } = await answer(input);
      sendUnlessUnchanged(request, response, data, keptSec);
      return data;
    },
  });
  const entryAt = async (position: bigint): Promise<Link> => {
    const [link] = position > 0n ? await log.page(position - 1n, 1) : [];
    if (link?.position === position) return link;
    throw new OracleError("EVIDENCE_UNKNOWN", `the log has no entry ${position}`);
  };

  return [
    operation(evidenceHeadContract, async () => {
      const { size, root } = await tree.root();
      const chainHash = size === 0n ? new Uint8Array(32) : (await entryAt(size)).hash;
      return { data: { size: String(size), root: toHex(root), chainHash: toHex(chainHash) }, keptSec: KEPT_SEC };
    }),
    operation(listEvidenceContract, async ({ after, limit, node, endpoint, method }: z.output<typeof listQuery>) => {
      if (node !== undefined && endpoint !== undefined)
        throw new OracleError("VALIDATION_FAILED", "name a node or an endpoint, not both");
      const found = await (node !== undefined
        ? log.nodePage(node, after, limit)
        : endpoint !== undefined
          ? log.callPage(endpoint, method, after, limit)
          : log.page(after, limit));
      const isFull = found.length === limit;
      const next = isFull ? String(found.at(-1)!.position) : null;
      return { data: { entries: found.map(presentEntry), next }, keptSec: isFull ? FOR_EVER_SEC : KEPT_SEC };
    }),
    operation(getEvidenceContract, async ({ position }: z.output<typeof params>) => ({
      data: presentEntry(await entryAt(position)),
      keptSec: FOR_EVER_SEC,
    })),
    operation(
      proveEvidenceContract,
      async ({ position, size: asked }: z.output<typeof params> & z.output<typeof proofQuery>) => {
        const { size, root } = await tree.root(asked);
        const path = (await tree.path(position, size)).map(toHex);
        const data = { position: String(position), size: String(size), root: toHex(root), path };
        return { data, keptSec: asked === undefined ? KEPT_SEC : FOR_EVER_SEC };
      },
    ),
    operation(proveGrowthContract, async ({ from, to }: z.output<typeof growthQuery>) => {
      const path = (await tree.consistency(from, to)).map(toHex);
      const [before, after] = [await tree.root(from), await tree.root(to)];
      const roots = { fromRoot: toHex(before.root), toRoot: toHex(after.root) };
      return { data: { from: String(from), to: String(to), ...roots, path }, keptSec: FOR_EVER_SEC };
    }),
  ];
}

function presentEntry({ position, text, hash: chainHash }: Link): z.infer<typeof entry> {
  return { position: String(position), entry: text, chainHash: toHex(chainHash) };
}
