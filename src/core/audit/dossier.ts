/**
 * What a reader has in hand to check something by: lines of JSON, in any order and from anywhere. Nothing in it is believed: each line
 * is an event that its author signed, or is held against one.
 *
 *   {"id", "pubkey", ..., "sig"}                              an event (NIP-01)
 *   {"names": {"origin", "names"}}                            what an origin's /.well-known/nostr.json says
 *   {"standing": {"id", "index", "size", "path"}}             where an event is in the set that its author's heartbeat covers
 *   {"entry": {"position", "entry", "path"?, "size"?}}        an entry of the evidence log, with its proof
 *   {"grounds": {"endpoint", "method", ...}}                  what a rating rests on beside the log (GET /api/audit/grounds/{id})
 */
import { fromHex } from "../bytes.ts";
import { STAGES, type Stage } from "../endpoint/call.ts";
import { type Method, readMethod } from "../endpoint/endpoint.ts";
import { isHex, readEvent, type SignedEvent } from "../nip85/event.ts";
import type { Beta } from "../trust/beta.ts";
import type { TrustModel } from "../trust/model.ts";
import type { Grounds } from "./recompute-endpoint.ts";

export type Path = { readonly index: number; readonly size: number; readonly path: readonly Uint8Array[] };
export type ShownEntry = { readonly position: bigint; readonly text: string; readonly proof: Path | undefined };
export type ShownNames = { readonly origin: string; readonly names: Readonly<Record<string, string>> };
export type ShownGrounds = Grounds & { readonly endpoint: string; readonly method: Method; readonly ratedAt: number };

export type Dossier = {
  readonly events: readonly SignedEvent[];
  readonly names: readonly ShownNames[];
  readonly standing: ReadonlyMap<string, Path>;
  /** In the order of their positions, each once. */
  readonly entries: readonly ShownEntry[];
  readonly grounds: readonly ShownGrounds[];
  /** Lines that are none of these. */
  readonly unread: number;
};

/** Far more than an oracle of 17,000 subjects says; a file beyond it is not read. */
export const MAX_DOSSIER_CHARS = 128 * 1024 * 1024;
const MAX_PATH = 64;

/** Reads one JSON value (a line, or an array of lines), or lines of them. Undefined when it is too long. */
export function readDossier(text: string): Dossier | undefined {
  return text.length > MAX_DOSSIER_CHARS ? undefined : sortLines(parseLines(text));
}

/** The same of lines that are parsed already. */
export function sortLines(lines: readonly unknown[]): Dossier {
  const events: SignedEvent[] = [];
  const names: ShownNames[] = [];
  const standing = new Map<string, Path>();
  const entries = new Map<bigint, ShownEntry>();
  const grounds: ShownGrounds[] = [];
  let unread = 0;
  for (const line of lines) {
    const event = readEvent(line);
    const given = line as Record<string, unknown> | null;
    const read =
      (event && events.push(event)) ||
      (isObject(given) &&
        ((isObject(given["names"]) && take(readNames(given["names"]), (each) => names.push(each))) ||
          (isObject(given["standing"]) &&
            take(readStanding(given["standing"]), ([id, path]) => standing.set(id, path))) ||
          (isObject(given["entry"]) && take(readEntry(given["entry"]), (each) => keepProved(entries, each))) ||
          (isObject(given["grounds"]) && take(readGrounds(given["grounds"]), (each) => grounds.push(each)))));
    if (!read) unread++;
  }
  const inOrder = [...entries.values()].sort((a, b) => (a.position < b.position ? -1 : 1));
  return { events, names, standing, entries: inOrder, grounds, unread };
}

function parseLines(text: string): unknown[] {
  const whole = parse(text);
  if (whole !== undefined) return linesIn(whole);
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(parse);
}

/** An answer of GET /api/audit/dossier/{id}, an array of lines, or one line. */
function linesIn(whole: unknown): unknown[] {
  if (Array.isArray(whole)) return whole;
  const data = isObject(whole) ? whole["data"] : undefined;
  return isObject(data) && Array.isArray(data["lines"]) ? data["lines"] : [whole];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function take<Value>(value: Value | undefined, keep: (value: Value) => void): boolean {
  if (value === undefined) return false;
  keep(value);
  return true;
}

/** An entry may be shown several times: once with a proof is enough. */
function keepProved(entries: Map<bigint, ShownEntry>, entry: ShownEntry): void {
  if (!entries.get(entry.position)?.proof) entries.set(entry.position, entry);
}

function readNames({ origin, names }: Record<string, unknown>): ShownNames | undefined {
  if (typeof origin !== "string" || !isObject(names)) return undefined;
  const pairs = Object.entries(names).filter((pair): pair is [string, string] => isHex(pair[1], 64));
  return { origin, names: Object.fromEntries(pairs) };
}

function readStanding({ id, index, size, path }: Record<string, unknown>): [id: string, path: Path] | undefined {
  const proof = readPath(index, size, path);
  return isHex(id, 64) && proof ? [id, proof] : undefined;
}

function readEntry({ position, entry, size, path }: Record<string, unknown>): ShownEntry | undefined {
  if (typeof position !== "string" || !/^[1-9]\d{0,15}$/.test(position) || typeof entry !== "string") return undefined;
  const proof = path === undefined ? undefined : readPath(Number(position) - 1, Number(size), path);
  return { position: BigInt(position), text: entry, proof };
}

function readPath(index: unknown, size: unknown, path: unknown): Path | undefined {
  if (!isCount(index) || !isCount(size) || !Array.isArray(path) || path.length > MAX_PATH) return undefined;
  const hashes = path.map((hash) => (isHex(hash, 64) ? fromHex(hash) : undefined));
  return hashes.every((hash) => hash !== undefined) ? { index, size, path: hashes } : undefined;
}

function readGrounds(given: Record<string, unknown>): ShownGrounds | undefined {
  const { endpoint, method, category, siblings, ratedAt, model, stages } = given;
  const named = typeof method === "string" ? readMethod(method) : undefined;
  if (!isHex(endpoint, 64) || !named || !isCount(siblings) || !isCount(ratedAt)) return undefined;
  if (!isModel(model) || !isObject(stages)) return undefined;
  const priors = perStage(stages, (stage) => (isObject(stage) ? readBeta(stage["prior"]) : undefined));
  const group = typeof category === "string" ? category : undefined;
  return priors && { endpoint, method: named, category: group, siblings, ratedAt, model, priors };
}

/** The form of a model, checked as far as the computation reads it. */
function isModel(value: unknown): value is TrustModel {
  if (!isObject(value) || !isObject(value["stages"]) || !isObject(value["categories"])) return false;
  const stages = perStage(value["stages"], (stage) => {
    if (!isObject(stage) || !readBeta(stage["all"])) return undefined;
    const numbers = [stage["category"], stage["operator"], stage["endpoint"], stage["halfLifeSec"]];
    return numbers.every(isPositive) || undefined;
  });
  const categories = Object.values(value["categories"]);
  return stages !== undefined && categories.every((each) => isObject(each) && perStage(each, readTally) !== undefined);
}

function perStage<Value>(
  given: Record<string, unknown>,
  read: (value: unknown) => Value | undefined,
): Record<Stage, Value> | undefined {
  const pairs = STAGES.map((stage) => [stage, read(given[stage])] as const);
  return pairs.every(([, value]) => value !== undefined)
    ? (Object.fromEntries(pairs) as Record<Stage, Value>)
    : undefined;
}

function readBeta(value: unknown): Beta | undefined {
  const tally = readTally(value);
  return tally && tally.good > 0 && tally.bad > 0 ? tally : undefined;
}

function readTally(value: unknown): Beta | undefined {
  if (!isObject(value)) return undefined;
  const { good, bad } = value;
  const fine = [good, bad].every((part) => typeof part === "number" && part >= 0 && part < 1e9);
  return fine ? { good: good as number, bad: bad as number } : undefined;
}

function isPositive(value: unknown): boolean {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
