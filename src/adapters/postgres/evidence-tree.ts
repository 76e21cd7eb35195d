/**
 * Table `evidence_node`: the Merkle tree over the evidence log (src/core/merkle/tree.ts). Leaf n is the UTF-8 text of the entry at
 * position n + 1. Hashes of 32 entries and more are stored as they become complete; smaller ones are computed from the entries.
 */
import { utf8 } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import {
  growthOf,
  leafHash,
  nodeHash,
  pathOf,
  peaksOf,
  rootOf,
  rootOfPeaks,
  type Subtree,
} from "../../core/merkle/tree.ts";
import { type Queryable, translated } from "./connect.ts";

/** The tree of the first `size` entries. */
export type EvidenceRoot = { readonly size: bigint; readonly root: Uint8Array };
/** `stored` entries are below stored hashes, of `length` in the log. */
type Place = { readonly stored: bigint; readonly length: bigint };
type Node = Subtree & { readonly hash: Uint8Array };

/** The lowest level stored, and how many entries are below one hash of it. */
const STORED = 5;
const BLOCK = 2 ** STORED;
/** Blocks that are hashed in one go: a statement reads at most 8,192 entries. */
const BLOCKS_AT_ONCE = 256;
/** Entries after the last stored block that a reader hashes itself; of a longer rest nothing is proved until it is stored. */
const MAX_REST = 2_048;

export function evidenceTree(database: Queryable) {
  /** What is stored when so many entries can be proved. @throws EVIDENCE_UNKNOWN when they cannot */
  async function demand(size: bigint): Promise<Place> {
    const place = await readPlace(database);
    if (size >= 0n && size <= provable(place)) return place;
    throw unknown(`${size} entries cannot be proved: there are ${provable(place)}`);
  }

  async function paths(positions: readonly bigint[], size: bigint): Promise<Uint8Array[][]> {
    const place = await demand(size);
    const stray = positions.find((position) => position < 1n || position > size);
    if (stray !== undefined) throw unknown(`entry ${stray} is not among the first ${size}`);
    const groups = positions.map((position) => pathOf(Number(position - 1n), Number(size)));
    const hashes = await readGroups(database, place, groups.flat());
    let read = 0;
    return groups.map(({ length }) => {
      read += length;
      return hashes.slice(read - length, read);
    });
  }

  return {
    /**
     * Stores what has become complete since. Idempotent, and any number of processes may do it at once. Ends early, between two
     * statements, when `signal` fires. @returns how many blocks of 32 entries were hashed
     */
    async grow(signal?: AbortSignal): Promise<number> {
      let grown = 0;
      while (!signal?.aborted) {
        const blocks = await growOnce(database);
        grown += blocks;
        if (blocks < BLOCKS_AT_ONCE) break;
      }
      return grown;
    },

    /** The root over the first `size` entries; without it, over all that can be proved now. @throws EVIDENCE_UNKNOWN */
    async root(size?: bigint): Promise<EvidenceRoot> {
      const place = size === undefined ? await readPlace(database) : await demand(size);
      const asked = size ?? provable(place);
      const peaks = await readHashes(database, place, peaksOf(Number(asked)));
      return { size: asked, root: rootOfPeaks(peaks) };
    },

    /** What has to be hashed beside the entry at a position (from 1), lowest first. @throws EVIDENCE_UNKNOWN */
    path: async (position: bigint, size: bigint): Promise<Uint8Array[]> => (await paths([position], size))[0]!,

    /** The same of many entries, read together. */
    paths,

    /** What shows that the log of `to` entries begins with the one of `from`. @throws EVIDENCE_UNKNOWN */
    async consistency(from: bigint, to: bigint): Promise<Uint8Array[]> {
      const place = await demand(to);
      if (from < 0n || from > to) throw unknown(`${from} entries are not a beginning of ${to}`);
      return readGroups(database, place, growthOf(Number(from), Number(to)));
    },
  };
}

/** How many entries can be proved: all of the log, but for what storing is far behind with. */
function provable({ stored, length }: Place): bigint {
  return length - stored > MAX_REST ? stored : length;
}

async function readPlace(database: Queryable): Promise<Place> {
  const text = `SELECT
      coalesce((SELECT index + 1 FROM evidence_node WHERE level = ${STORED} ORDER BY index DESC LIMIT 1), 0) * ${BLOCK} AS stored,
      coalesce((SELECT position FROM evidence ORDER BY position DESC LIMIT 1), 0) AS length`;
  const { rows } = await translated(database.query({ name: "evidence-tree-place", text }));
  return { stored: BigInt(rows[0].stored), length: BigInt(rows[0].length) };
}

/** Hashes the next blocks, and what they complete above them. All of it is stored, or nothing. */
async function growOnce(database: Queryable): Promise<number> {
  const place = await readPlace(database);
  const { stored, length } = place;
  const first = Number(stored) / BLOCK;
  const count = Math.min(Number((length - stored) / BigInt(BLOCK)), BLOCKS_AT_ONCE);
  if (count <= 0) return 0;
  const blocks = Array.from({ length: count }, (_, i) => ({ level: STORED, index: first + i }));
  const fresh = await hashEntries(database, blocks);
  // The open ends of what is stored already, lowest last; each new block joins its left neighbour, as in counting by twos.
  const ends = peaksOf(first).map(({ level, index }) => ({ level: level + STORED, index }));
  const stack: Node[] = (await readHashes(database, place, ends)).map((hash, i) => ({ ...ends[i]!, hash }));
  const news: Node[] = [];
  for (const [i, hash] of fresh.entries()) {
    let node: Node = { ...blocks[i]!, hash };
    news.push(node);
    while (stack.at(-1)?.level === node.level) {
      const left = stack.pop()!;
      node = { level: node.level + 1, index: left.index / 2, hash: nodeHash(left.hash, node.hash) };
      news.push(node);
    }
    stack.push(node);
  }
  // In one order, so that two who store the same wait for each other and never in a circle.
  const text = `INSERT INTO evidence_node (level, index, hash)
    SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING`;
  const columns = [news.map(({ level }) => level), news.map(({ index }) => index), news.map(({ hash }) => hash)];
  await translated(database.query({ name: "evidence-tree-grow", text, values: columns }));
  return count;
}

/** The hash of each group of subtrees that are one part of a proof. */
async function readGroups(database: Queryable, place: Place, groups: readonly Subtree[][]): Promise<Uint8Array[]> {
  const hashes = await readHashes(database, place, groups.flat());
  let read = 0;
  return groups.map((group) => {
    read += group.length;
    return rootOfPeaks(hashes.slice(read - group.length, read));
  });
}

/** The hash of each subtree, all of which are complete in the log: what is stored as it is, the rest from what is below it. */
async function readHashes(database: Queryable, place: Place, subtrees: readonly Subtree[]): Promise<Uint8Array[]> {
  const isStored = ({ level, index }: Subtree) => level >= STORED && (index + 1) * 2 ** level <= Number(place.stored);
  const [kept, open] = [new Map<string, Subtree>(), new Map<string, Subtree>()];
  const collect = (subtree: Subtree): void => {
    if (isStored(subtree)) kept.set(nameOf(subtree), subtree);
    else if (subtree.level <= STORED) open.set(nameOf(subtree), subtree);
    else for (const child of childrenOf(subtree)) collect(child);
  };
  for (const subtree of subtrees) collect(subtree);
  const [read, computed] = await Promise.all([
    readStored(database, [...kept.values()]),
    hashEntries(database, [...open.values()]),
  ]);
  const known = new Map([...zip(kept, read), ...zip(open, computed)]);
  const hashOf = (subtree: Subtree): Uint8Array => {
    const hash = known.get(nameOf(subtree));
    if (hash) return hash;
    const [left, right] = childrenOf(subtree);
    return nodeHash(hashOf(left), hashOf(right));
  };
  return subtrees.map(hashOf);
}

const nameOf = ({ level, index }: Subtree): string => `${level} ${index}`;

function zip(subtrees: ReadonlyMap<string, Subtree>, hashes: readonly Uint8Array[]): [string, Uint8Array][] {
  return [...subtrees.keys()].map((name, i) => [name, hashes[i]!]);
}

function childrenOf({ level, index }: Subtree): [left: Subtree, right: Subtree] {
  return [
    { level: level - 1, index: 2 * index },
    { level: level - 1, index: 2 * index + 1 },
  ];
}

async function readStored(database: Queryable, nodes: readonly Subtree[]): Promise<Uint8Array[]> {
  if (nodes.length === 0) return [];
  const text = `SELECT n.hash FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS wanted(level, index, place)
    JOIN evidence_node n USING (level, index) ORDER BY wanted.place`;
  const values = [nodes.map(({ level }) => level), nodes.map(({ index }) => index)];
  const { rows } = await translated(database.query({ name: "evidence-tree-nodes", text, values }));
  if (rows.length !== nodes.length) throw new OracleError("INTERNAL", "the tree of the evidence log has a hole");
  return rows.map((row) => new Uint8Array(row.hash));
}

/** The hashes of subtrees, from the entries below them. */
async function hashEntries(database: Queryable, subtrees: readonly Subtree[]): Promise<Uint8Array[]> {
  if (subtrees.length === 0) return [];
  const text = `SELECT wanted.place, e.entry FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS wanted(low, high, place)
    JOIN evidence e ON e.position BETWEEN wanted.low AND wanted.high ORDER BY wanted.place, e.position`;
  const lows = subtrees.map(({ level, index }) => index * 2 ** level + 1);
  const highs = subtrees.map(({ level, index }) => (index + 1) * 2 ** level);
  const { rows } = await translated(database.query({ name: "evidence-tree-entries", text, values: [lows, highs] }));
  const leaves = subtrees.map((): Uint8Array[] => []);
  for (const row of rows) leaves[Number(row.place) - 1]!.push(leafHash(utf8(row.entry)));
  return leaves.map((row, i) => {
    if (row.length !== 2 ** subtrees[i]!.level) throw new OracleError("INTERNAL", "the evidence log has a hole");
    return rootOf(row);
  });
}

function unknown(message: string): OracleError {
  return new OracleError("EVIDENCE_UNKNOWN", message);
}
