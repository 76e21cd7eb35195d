/** All that is known about one endpoint: it is found first, which costs nothing. */
import type { Stage } from "../../core/endpoint/call.ts";
import type { Method } from "../../core/endpoint/endpoint.ts";
import type { Scheme } from "../../core/endpoint/listing.ts";
import { OracleError } from "../../core/errors.ts";
import type { CallEvidence, CallSource } from "../../core/evidence/call.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { EndpointDetail } from "./answer-choice.ts";

/** One source's word on it, as it was given last. */
export type EndpointListing = {
  readonly source: string;
  readonly reference: string;
  readonly claim: Readonly<Record<string, unknown>>;
  readonly firstSeenAt: UnixSeconds;
  readonly seenAt: UnixSeconds;
  readonly goneAt: UnixSeconds | undefined;
};

/** A change of what is held for true. */
export type EndpointChange = {
  readonly changedAt: UnixSeconds;
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly source: string;
};

/** What its operator says now: to what is said of the endpoint, and of calls that it holds to be told wrongly. They stay evidence. */
export type OperatorWord = {
  readonly reply: { readonly text: string; readonly at: UnixSeconds } | undefined;
  readonly disputes: readonly { readonly attempt: string; readonly text: string; readonly at: UnixSeconds }[];
};

/** Our own newest call, whether or not the endpoint answers for what was seen there; `schemes` are the ways of payment it offered. */
export type LastLook = {
  readonly at: UnixSeconds;
  readonly stage: Stage;
  readonly verdict: "good" | "bad" | "unknown";
  readonly code: string;
  readonly schemes: readonly Scheme[];
};

export type ProfilePorts = {
  /** Endpoints of a URL, whatever their method, that were rated. */
  findByUrl(urlHash: string): Promise<(EndpointDetail & { listed: boolean })[]>;
  /** Those that still name it first. */
  listingsOf(endpointId: bigint, limit: number): Promise<EndpointListing[]>;
  /** The newest first. */
  changesOf(endpointId: bigint, limit: number): Promise<EndpointChange[]>;
  /** The newest reply, and the newest disputes first; undefined without the endpoint. */
  statements(urlHash: string, method: Method): Promise<OperatorWord | undefined>;
  /** The newest first, whoever tells of them. */
  newestCalls(urlHash: string, method: Method, limit: number): Promise<CallEvidence[]>;
  /** Undefined before the first. */
  lastLook(endpointId: bigint): Promise<LastLook | undefined>;
  /** How many calls the log has, by whose word they are; counted up to a limit of each. */
  countCalls(urlHash: string, method: Method, limit: number): Promise<Record<CallSource, number>>;
  /** How many listed endpoints the same operator has. */
  countOfOperator(endpointId: bigint): Promise<number>;
};

export type EndpointProfile = {
  readonly detail: EndpointDetail & { readonly listed: boolean };
  readonly listings: readonly EndpointListing[];
  readonly changes: readonly EndpointChange[];
  readonly calls: readonly CallEvidence[];
  readonly bySource: Readonly<Record<CallSource, number>>;
  readonly lastLook: LastLook | undefined;
  readonly operatorEndpoints: number;
  readonly operatorWord: OperatorWord;
};

const LISTINGS = 50;
const CHANGES = 50;
const CALLS = 50;
const NO_WORD: OperatorWord = { reply: undefined, disputes: [] };
/** Of more nobody needs the number. */
export const COUNTED_CALLS = 10_000;

/** @throws SUBJECT_UNKNOWN; SUBJECT_AMBIGUOUS when the URL is called by several methods and none is named */
export async function findEndpoint(
  ports: Pick<ProfilePorts, "findByUrl">,
  { id, method }: { id: string; method: Method | undefined },
): Promise<EndpointProfile["detail"]> {
  const all = await ports.findByUrl(id);
  const named = method === undefined ? all : all.filter((each) => each.method === method);
  const [found, other] = named;
  if (!found) {
    throw new OracleError(
      "SUBJECT_UNKNOWN",
      "no endpoint has this id and method; one that was just listed is known some seconds later",
    );
  }
  if (other) {
    const methods = named.map((each) => each.method).join(", ");
    throw new OracleError(
      "SUBJECT_AMBIGUOUS",
      `this URL is called by several methods; name one with ?method=: ${methods}`,
    );
  }
  return found;
}

export async function profileEndpoint(
  ports: ProfilePorts,
  detail: EndpointProfile["detail"],
): Promise<EndpointProfile> {
  const { endpointId, urlHash, method } = detail;
  const [listings, changes, calls, lastLook, bySource, operatorEndpoints, operatorWord] = await Promise.all([
    ports.listingsOf(endpointId, LISTINGS),
    ports.changesOf(endpointId, CHANGES),
    ports.newestCalls(urlHash, method, CALLS),
    ports.lastLook(endpointId),
    ports.countCalls(urlHash, method, COUNTED_CALLS),
    ports.countOfOperator(endpointId),
    ports.statements(urlHash, method),
  ]);
  const word = operatorWord ?? NO_WORD;
  return { detail, listings, changes, calls, lastLook, bySource, operatorEndpoints, operatorWord: word };
}
