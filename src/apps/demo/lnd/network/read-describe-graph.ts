/**
 * Reads a snapshot in the shape of `lncli describegraph` (JSON, plain or gzipped) record by record.
 *
 * The file is never held whole: a scanner cuts the records out of the stream and each is parsed on its own, so
 * memory stays modest, the event loop breathes between chunks, and a hostile file meets limits early.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { OracleError } from "../../../../core/errors.ts";
import type { ChannelDraft, NetworkDraft, NodeDraft, Policy } from "./network.ts";

const MAX_BYTES = 2 ** 30;
const MAX_RECORD_BYTES = 2 ** 18;
const MAX_NODES = 500_000;
const MAX_CHANNELS = 2_000_000;

/** Nodes that only a channel names are added without an alias. @throws GRAPH_MALFORMED, CONFIG_INVALID */
export async function readDescribeGraph(path: string, signal?: AbortSignal): Promise<NetworkDraft> {
  const draft: NetworkDraft = { nodes: [], channels: [] };
  const known = new Set<string>();
  const scanner = createScanner((list, record) => {
    if (list === "nodes") {
      const node = readNode(record);
      if (known.has(node.key)) return;
      known.add(node.key);
      draft.nodes.push(node);
    } else if (list === "edges") draft.channels.push(readChannel(record));
    if (draft.nodes.length > MAX_NODES || draft.channels.length > MAX_CHANNELS) throw malformed("too many records");
  });

  let read = 0;
  for await (const chunk of await openSnapshot(path)) {
    signal?.throwIfAborted();
    read += chunk.length;
    if (read > MAX_BYTES) throw malformed(`more than ${MAX_BYTES} bytes`);
    scanner.push(chunk);
  }
  if (!scanner.isComplete()) throw malformed("it ends in the middle");

  for (const channel of draft.channels) {
    for (const key of channel.nodes) {
      if (known.has(key)) continue;
      known.add(key);
      draft.nodes.push({ key, alias: "", lastUpdate: 0 });
    }
  }
  return draft;
}

/** Gzip is told by its first two bytes, not by the name of the file. */
async function openSnapshot(path: string): Promise<AsyncIterable<Buffer>> {
  try {
    const file = await open(path);
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    await file.close();
    const raw = createReadStream(path, { highWaterMark: 2 ** 16 });
    if (buffer[0] !== 0x1f || buffer[1] !== 0x8b) return guarded(raw);
    const plain = createGunzip({ chunkSize: 2 ** 17 });
    raw.on("error", (error) => plain.destroy(error));
    return guarded(raw.pipe(plain));
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", `The graph snapshot ${path} cannot be read.`, { cause });
  }
}

async function* guarded(stream: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  try {
    yield* stream;
  } catch (cause) {
    if (cause instanceof OracleError) throw cause;
    throw malformed("its bytes cannot be read", cause);
  }
}

/** Bounds a number of a policy, so that whatever a file says fits the arrays. */
function whole(value: unknown, max: number): number {
  const number = typeof value === "string" ? Number(value) : (value ?? 0);
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) throw malformed("a number is not one");
  return Math.min(number, max);
}

function readNode(record: Record<string, unknown>): NodeDraft {
  const alias = typeof record["alias"] === "string" ? record["alias"].slice(0, 64) : "";
  return { key: readKey(record["pub_key"]), alias, lastUpdate: whole(record["last_update"], 2 ** 32 - 1) };
}

function readChannel(record: Record<string, unknown>): ChannelDraft {
  const { channel_id: id, chan_point: point } = record;
  if ((typeof id !== "string" || !/^\d{1,20}$/.test(id)) && !Number.isSafeInteger(id)) {
    throw malformed("a channel id is not a number");
  }
  return {
    channelId: BigInt.asUintN(64, BigInt(id as string | number)),
    channelPoint: typeof point === "string" ? point.slice(0, 80) : "",
    capacitySat: whole(record["capacity"], 2_100_000_000_000_000 / 1000),
    nodes: [readKey(record["node1_pub"]), readKey(record["node2_pub"])],
    policies: [readPolicy(record["node1_policy"]), readPolicy(record["node2_policy"])],
  };
}

/** A policy that is absent is not one of zeros: the channel does not lead that way. */
function readPolicy(value: unknown): Policy | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const policy = value as Record<string, unknown>;
  return {
    feeBaseMsat: whole(policy["fee_base_msat"], 2 ** 32 - 1),
    feeRatePpm: whole(policy["fee_rate_milli_msat"], 2 ** 32 - 1),
    cltvDelta: whole(policy["time_lock_delta"], 2 ** 16 - 1),
    minHtlcMsat: whole(policy["min_htlc"], Number.MAX_SAFE_INTEGER),
    maxHtlcMsat: whole(policy["max_htlc_msat"], Number.MAX_SAFE_INTEGER),
    disabled: policy["disabled"] === true,
    lastUpdate: whole(policy["last_update"], 2 ** 32 - 1),
  };
}

function readKey(value: unknown): string {
  if (typeof value !== "string" || !/^0[23][0-9a-f]{64}$/.test(value)) throw malformed("a node key is not one");
  return value;
}

type Scanner = { push(chunk: Buffer): void; isComplete(): boolean };

/** Hands over each object of each list of the outermost object, parsed, with the name of its list. */
function createScanner(take: (list: string, record: Record<string, unknown>) => void): Scanner {
  let depth = 0;
  let started = false;
  let inString = false;
  let isEscaped = false;
  let inList = false;
  let name = "";
  let held: Buffer[] = [];
  let heldBytes = 0;

  const hold = (part: Buffer) => {
    heldBytes += part.length;
    if (heldBytes > MAX_RECORD_BYTES) throw malformed(`a record of more than ${MAX_RECORD_BYTES} bytes`);
    held.push(part);
  };
  const finish = () => {
    const text = held.length === 1 ? held[0]!.toString() : Buffer.concat(held).toString();
    held = [];
    heldBytes = 0;
    take(name, parseRecord(text));
  };
  const openString = () => {
    inString = true;
    if (depth === 1) name = "";
  };
  /** The index of the closing quote, or of the end of the chunk. */
  const passString = (chunk: Buffer, from: number) => {
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) {
        inString = false;
        return i;
      } else if (depth === 1 && name.length < 64) name += String.fromCharCode(byte);
    }
    return chunk.length;
  };
  /** Whether a record begins here. */
  const open = (byte: number) => {
    if (started && depth === 0) throw malformed("something follows its end");
    started = true;
    depth++;
    if (depth === 2) inList = byte === OPEN_BRACKET;
    return inList && depth === 3 && byte === OPEN_BRACE;
  };
  /** Whether a record may end here. */
  const close = () => {
    depth--;
    if (depth < 0) throw malformed("it closes more than it opens");
    return depth === 2;
  };

  /** Where the record under way begins after this byte, or -1. */
  const structure = (chunk: Buffer, i: number, recordAt: number) => {
    const byte = chunk[i]!;
    if (byte === QUOTE) openString();
    else if (opens(byte)) return open(byte) ? i : recordAt;
    else if (closes(byte) && close() && recordAt >= 0) {
      hold(chunk.subarray(recordAt, i + 1));
      finish();
      return -1;
    }
    return recordAt;
  };
  const push = (chunk: Buffer) => {
    let recordAt = inList && depth >= 3 ? 0 : -1;
    for (let i = 0; i < chunk.length; i++) {
      if (inString) i = passString(chunk, i);
      else recordAt = structure(chunk, i, recordAt);
    }
    // The next chunk comes in the same buffer: what is held over is copied.
    if (recordAt >= 0) hold(Buffer.from(chunk.subarray(recordAt)));
  };
  return { push, isComplete: () => started && depth === 0 };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

function opens(byte: number): boolean {
  return byte === OPEN_BRACE || byte === OPEN_BRACKET;
}

function closes(byte: number): boolean {
  return byte === CLOSE_BRACE || byte === CLOSE_BRACKET;
}

function parseRecord(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw malformed("a record is not JSON", cause);
  }
}

function malformed(reason: string, cause?: unknown): OracleError {
  return new OracleError("GRAPH_MALFORMED", `The graph snapshot cannot be used: ${reason}.`, { cause });
}
