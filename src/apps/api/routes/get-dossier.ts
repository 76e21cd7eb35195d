/**
 * GET /api/audit/dossier/{id}: all that a published event is checked by, in one file that can be kept and checked offline. Free. Nothing
 * in it asks to be believed: a reader checks signatures and proofs (src/core/audit).
 */
import { z } from "zod";
import type { EndpointGrounds } from "../../../adapters/postgres/endpoint-grounds.ts";
import { signedTree } from "../../../core/audit/check-evidence.ts";
import { toHex } from "../../../core/bytes.ts";
import { type Method, readEndpointUrl, readMethod } from "../../../core/endpoint/endpoint.ts";
import { OracleError } from "../../../core/errors.ts";
import type { Link } from "../../../core/evidence/chain.ts";
import { decodeEvent, type SignedEvent, tagValue } from "../../../core/nip85/event.ts";
import { HEARTBEAT_NAME, readHeartbeat } from "../../../core/nip85/heartbeat.ts";
import { KIND } from "../../../core/nip85/kinds.ts";
import {
  STANDING_MARGIN_SEC,
  type StandingEvent,
  standingPath,
  standingRoot,
} from "../../../core/nip85/standing-set.ts";
import { type UnixSeconds, unixSeconds } from "../../../core/units.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { hash } from "../schemas.ts";
import { sendUnlessUnchanged } from "../unchanged.ts";

const params = z.object({ id: hash.meta({ description: "Id of an event that is published now" }) });
const dossier = z.object({
  lines: z
    .array(z.record(z.string(), z.json()))
    .meta({ description: "Signed events, entries of the log with proofs, grounds: docs/verifying.md" }),
});

export const getDossierContract = {
  operation: "getDossier",
  method: "get",
  path: "/api/audit/dossier/{id}",
  summary: "Everything that a published event can be checked by, offline",
  params,
  response: dossier,
} as const satisfies Contract;

export type DossierPorts = LimitPorts & {
  /** The signed JSON of what is published now. */
  findById(id: string): Promise<string | undefined>;
  findByAddress(address: { kind: number; pubkey: string; d: string }): Promise<string | undefined>;
  /** The key in use that announces the others; undefined before anything was published. */
  brand(): Promise<string | undefined>;
  /** Every assertion of a key that was not taken back and expires later than an instant. */
  standingSet(pubkey: string, after: UnixSeconds): Promise<(StandingEvent & { createdAt: number })[]>;
  groundsOf(id: string, method: Method): Promise<EndpointGrounds | undefined>;
  /** The newest, in their order. */
  newestCalls(endpoint: string, method: Method, limit: number): Promise<Link[]>;
  paths(positions: readonly bigint[], size: bigint): Promise<Uint8Array[][]>;
  takeDossier: TakeOne;
};

/** As many as a rating reads: 200 of each source, paid and not. */
const MOST_CALLS = 1_600;
const KEPT_SEC = 10;

export function getDossier(ports: DossierPorts): FreeOperation<{ id: string }, z.infer<typeof dossier>> {
  return {
    ...getDossierContract,
    async serve({ id }, request, response) {
      await holdToLimit(ports, "dossier", ports.takeDossier, request, response);
      const body = await ports.findById(id);
      const event = body === undefined ? undefined : decodeEvent(body);
      if (!event) throw new OracleError("SUBJECT_UNKNOWN", "no event of this id is published now");
      const others = await othersOf(ports, event);
      const heartbeat = others.find(({ kind }) => kind === KIND.heartbeat);
      const lines = [
        event,
        ...others.filter((other) => other.id !== id),
        ...(heartbeat ? await standingLine(ports, event, heartbeat) : []),
        ...(await evidenceLines(ports, event, heartbeat)),
      ];
      const answer = { lines: lines as z.infer<typeof dossier>["lines"] };
      sendUnlessUnchanged(request, response, answer, KEPT_SEC);
      return answer;
    },
  };
}

/** What the author says of itself, and who announces it. */
async function othersOf(ports: DossierPorts, { pubkey }: SignedEvent): Promise<SignedEvent[]> {
  const brand = await ports.brand();
  const wanted = [
    ...[KIND.profile, KIND.relayList].map((kind) => ({ kind, pubkey, d: "" })),
    { kind: KIND.heartbeat, pubkey, d: HEARTBEAT_NAME },
    ...(brand === undefined ? [] : [KIND.profile, KIND.providers].map((kind) => ({ kind, pubkey: brand, d: "" }))),
  ];
  const bodies = await Promise.all(wanted.map((address) => ports.findByAddress(address)));
  return bodies.flatMap((body) => (body === undefined ? [] : (decodeEvent(body) ?? [])));
}

/** Where the event is in the set that the heartbeat covers, unless something of the set was replaced since. */
async function standingLine(ports: DossierPorts, event: SignedEvent, heartbeat: SignedEvent): Promise<object[]> {
  const { asOf, root } = readHeartbeat(heartbeat);
  const standing = await ports.standingSet(event.pubkey, unixSeconds(asOf + STANDING_MARGIN_SEC));
  const set = standing.filter(({ createdAt }) => createdAt <= asOf);
  const place = standingRoot(set) === root ? standingPath(set, event.id) : undefined;
  return place ? [{ standing: { id: event.id, ...place } }] : [];
}

/** Of an assertion about a paid URL: its calls, with proofs in the tree that the heartbeat signs, and what else it rests on. */
async function evidenceLines(
  ports: DossierPorts,
  event: SignedEvent,
  heartbeat: SignedEvent | undefined,
): Promise<object[]> {
  const endpoint = readEndpointUrl(tagValue(event, "d") ?? "");
  const method = readMethod(tagValue(event, "method") ?? "GET");
  if (event.kind !== KIND.aboutIdentifier || typeof endpoint === "string" || !method) return [];
  const grounds = await ports.groundsOf(endpoint.id, method);
  if (!grounds) return [];
  const calls = await ports.newestCalls(endpoint.id, method, MOST_CALLS);
  const tree = heartbeat && signedTree(heartbeat);
  const signed = calls.map(({ position }) => position).filter((position) => tree && position <= tree.size);
  const paths = tree ? await ports.paths(signed, BigInt(tree.size)) : [];
  const entries = calls.map(({ position, text }, i) => {
    const path = paths[i] && { size: tree?.size, path: paths[i].map(toHex) };
    return { entry: { position: String(position), entry: text, ...path } };
  });
  const { category, siblings, ratedAt, model, stages } = grounds;
  return [
    ...entries,
    { grounds: { endpoint: endpoint.id, method, category: category ?? null, siblings, ratedAt, model, stages } },
  ];
}
