/** The rank of a node computed again by the oracle's own code, from a graph that the reader has. */
import { type Finding, found, open } from "../../core/audit/finding.ts";
import { decodeEvidence } from "../../core/evidence/canonical.ts";
import type { Evidence } from "../../core/evidence/observation.ts";
import { parseDescribeGraph } from "../../core/graph/describe-graph.ts";
import { graphFromRecords } from "../../core/graph/records.ts";
import { type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import { parseNodeIdentifier } from "../../core/nip85/identifier.ts";
import { EVIDENCE_LIMIT, EVIDENCE_WINDOW_SEC } from "../../core/probe/believe.ts";
import { unixSeconds } from "../../core/units.ts";
import { rateGraph } from "../rate-graph.ts";

/** What is published moves with the ranks by steps of two. */
const SLACK = 2;

/** `log`: entries of the evidence log; without any, the rank is that of the graph alone. */
export function checkRescore(
  event: SignedEvent,
  graphText: string,
  log: readonly { readonly text: string }[],
): { findings: Finding[]; believed: string[] } {
  const node = parseNodeIdentifier(tagValue(event, "d") ?? "");
  const at = Number(tagValue(event, "as_of"));
  if (!node || !Number.isSafeInteger(at)) return { findings: [], believed: [] };
  const { nodes, channels } = parseDescribeGraph(graphText);
  const { graph } = graphFromRecords(nodes, channels);
  const evidence = evidenceUpTo(log, at);
  const score = rateGraph(graph, unixSeconds(at), evidence).nodes.find(({ keyHex }) => keyHex === node.nodeKey)?.score;
  const believed = [
    "that your graph is the one it was rated by",
    ...(log.length > 0 ? [] : ["what probes had shown by then"]),
  ];
  if (!score) return { findings: [open("recomputed", "this graph has nothing to say of the node")], believed };
  const parts = {
    rank: score.rank,
    rank_low: score.rankLow,
    rank_high: score.rankHigh,
    reach_pct: Math.round(100 * score.reachRatio),
    obs_cnt: score.observations,
  };
  const told = Object.entries(parts).map(([name, is]) => ({ name, is, said: Number(tagValue(event, name)) }));
  const isSame = told.every(({ name, is, said }) => name === "obs_cnt" || Math.abs(is - said) <= SLACK);
  const numbers = told.map(({ name, is, said }) => `${name} ${is}${is === said ? "" : ` (said: ${said})`}`).join(", ");
  const detail = `${numbers}; from ${evidence.length} observations of the network`;
  // Another graph than the oracle's explains a difference: it is told, and not held against the event.
  return { findings: [isSame ? found("recomputed", true, detail) : open("recomputed", detail)], believed };
}

/** The newest within the window, oldest first, as they were when the graph was rated. */
function evidenceUpTo(log: readonly { readonly text: string }[], at: number): Evidence[] {
  const seen = log.flatMap(({ text }): Evidence[] => {
    if (!text.startsWith("[1,")) return [];
    const evidence = decodeEvidence(text);
    const age = at - evidence.observedAt;
    return age >= 0 && age <= EVIDENCE_WINDOW_SEC ? [evidence] : [];
  });
  return seen.sort((a, b) => a.observedAt - b.observedAt).slice(-EVIDENCE_LIMIT);
}
