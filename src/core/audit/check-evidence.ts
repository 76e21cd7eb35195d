/** Whether what an assertion says of a paid URL follows from the evidence log, as far as that was shown. */
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes, fromHex, toHex, utf8 } from "../bytes.ts";
import { type Method, readMethod } from "../endpoint/endpoint.ts";
import { decodeCall } from "../evidence/call.ts";
import { holdsEntry, leafHash, rootOf } from "../merkle/tree.ts";
import { type SignedEvent, tagValue } from "../nip85/event.ts";
import { unixSeconds } from "../units.ts";
import { heartbeatOf } from "./check-standing.ts";
import type { Dossier, ShownEntry } from "./dossier.ts";
import { type Finding, found, open } from "./finding.ts";
import { type PlacedCall, type Recount, recomputeEndpoint } from "./recompute-endpoint.ts";

export type EvidenceFindings = { readonly findings: readonly Finding[]; readonly believed: readonly string[] };

/** The tree of the log that the author's heartbeat signs. */
export function signedTree(heartbeat: SignedEvent): { size: number; root: Uint8Array } | undefined {
  const [, size, root = ""] = heartbeat.tags.find(([name]) => name === "evidence_tree") ?? [];
  const bytes = fromHex(root);
  return bytes?.length === 32 ? { size: Number(size), root: bytes } : undefined;
}

/** Of an assertion about a URL (kind 30385, `k` = `web`): the evidence, what is counted of it, and the rank. */
export function checkEvidence(event: SignedEvent, dossier: Dossier): EvidenceFindings {
  const url = tagValue(event, "d") ?? "";
  const method = readMethod(tagValue(event, "method") ?? "GET") ?? "GET";
  const endpoint = toHex(sha256(utf8(url)));
  if (dossier.entries.length === 0)
    return { findings: [open("evidence", "no entries of the log are at hand")], believed: [] };
  const { finding, believed, read } = checkEntries(dossier, event);
  const calls = read.flatMap((entry) => callOf(entry, endpoint, method));
  if (finding.holds === false) return { findings: [finding], believed };
  const at = Number(tagValue(event, "as_of"));
  const grounds = dossier.grounds.find((each) => each.endpoint === endpoint && each.method === method);
  if (!grounds || !Number.isSafeInteger(at)) {
    const missing = open("counts", "what the rating rests on beside the log is not at hand");
    return { findings: [finding, missing], believed };
  }
  const recount = recomputeEndpoint(calls, grounds, unixSeconds(at));
  const earlier = recomputeEndpoint(calls, grounds, unixSeconds(Math.max(0, at - 1)));
  return {
    findings: [finding, checkCounts(event, recount, earlier), checkRank(event, recount, grounds.ratedAt === at)],
    believed: [
      ...believed,
      ...recount.believed.map((stage) =>
        stage === "payment"
          ? "payment: how likely its payee is reached, which the node key's assertion says"
          : `${stage}: what its operator's ${grounds.siblings} other endpoints say`,
      ),
      "the model that was fitted to other endpoints' calls, and the category",
    ],
  };
}

/** Each entry is where it is said to be in the tree that the author signed; or all entries there are, which shows that none is left out. */
function checkEntries(
  dossier: Dossier,
  event: SignedEvent,
): { finding: Finding; believed: string[]; read: readonly ShownEntry[] } {
  const { entries } = dossier;
  const heartbeat = heartbeatOf(dossier, event.pubkey);
  const tree = heartbeat && signedTree(heartbeat);
  const whose = `${entries.length} entries`;
  if (!tree)
    return {
      finding: open("evidence", `${whose}, and no signed tree to hold them against`),
      believed: ["the entries, which nothing signed covers"],
      read: entries,
    };
  const within = entries.filter(({ position }) => position <= tree.size);
  // What came after the heartbeat is signed by the next one; what came after the rating is not asked.
  const at = Number(tagValue(event, "as_of"));
  const later = entries.filter(({ position, text }) => position > tree.size && !(instantOf(text) > at)).length;
  const signed = (holds: boolean, detail: string): Finding =>
    holds && later > 0
      ? open("evidence", `${detail}; ${later} more are newer than what was signed last`)
      : found("evidence", holds, detail);
  const isWhole = within.length === tree.size && tree.size > 0;
  if (isWhole) {
    const holds = equalBytes(rootOf(within.map(({ text }) => leafHash(utf8(text)))), tree.root);
    const detail = holds ? `all ${tree.size} entries hash to the signed root` : "they do not hash to the signed root";
    return { finding: signed(holds, detail), believed: [], read: entries };
  }
  const unproved = within.filter(({ proof, text }) => {
    return !proof || proof.size !== tree.size || !holdsEntry(leafHash(utf8(text)), proof, proof.path, tree.root);
  });
  const holds = unproved.length === 0;
  const detail = holds
    ? `${within.length} entries are in the signed log of ${tree.size}`
    : `${unproved.length} of ${within.length} entries are not proved, the first is ${unproved[0]!.position}`;
  return {
    finding: signed(holds, detail),
    believed: ["that no entry about it was left out: the whole log shows that"],
    read: entries,
  };
}

/** Both forms of an entry have it in second place; NaN where there is none. */
function instantOf(text: string): number {
  return Number(/^\[\d+,(\d+),/.exec(text)?.[1]);
}

/** A call of this endpoint; an entry that says something else is none of its business. */
function callOf({ position, text }: ShownEntry, endpoint: string, method: Method): PlacedCall[] {
  try {
    const evidence = decodeCall(text);
    return evidence.call.endpoint === endpoint && evidence.call.method === method ? [{ position, evidence }] : [];
  } catch {
    return [];
  }
}

/** Numbers of a second in which a call may have come before the rating or after it: either is right. */
function checkCounts(event: SignedEvent, recount: Recount, earlier: Recount): Finding {
  const [now, before] = [recount, earlier].map(({ facts }) => countsOf(facts));
  const wrong = Object.entries(now!).flatMap(([name, count]) => {
    const said = tagValue(event, name);
    return said === count || said === before![name]
      ? []
      : [`${name} is said to be ${said ?? "unknown"} and is ${count ?? "unknown"}`];
  });
  const detail = wrong.length > 0 ? wrong.join("; ") : `recomputed from ${recount.facts.observations} calls`;
  return found("counts", wrong.length === 0, detail);
}

function countsOf({ probes, observations, latency, price }: Recount["facts"]): Record<string, string | undefined> {
  const { made, paid, good } = probes;
  return {
    probe_cnt: String(made),
    paid_cnt: String(paid),
    ok_pct: made === 0 ? undefined : String(Math.round((100 * good) / made)),
    report_cnt: String(observations - made),
    latency_ms: latency && String(latency.medianMs),
    // Without an invoice of its own the announced price is published, which the log does not have.
    ...(price !== undefined && { price_msat: String(price) }),
  };
}

/** The last digit of a rank may differ by the calls of its second. */
const RANK_SLACK = 1;

/** `isSame`: what it rests on beside the log is what it was rated by; of a later rating it says what the rank would be now. */
function checkRank(event: SignedEvent, { chance }: Recount, isSame: boolean): Finding {
  const { probability, interval } = chance;
  const parts = { rank: probability, rank_low: interval.low, rank_high: interval.high };
  const told = Object.entries(parts).map(([name, part]) => {
    return { name, said: Number(tagValue(event, name)), is: Math.round(100 * part) };
  });
  const fits = told.every(({ said, is }) => Math.abs(said - is) <= RANK_SLACK);
  const numbers = told.map(({ name, said, is }) => `${name} ${is}${said === is ? "" : ` (said: ${said})`}`).join(", ");
  if (!fits && !isSame)
    return open("recomputed", `${numbers}; it was rated again since, from what others said by then`);
  return found("recomputed", fits, numbers);
}
