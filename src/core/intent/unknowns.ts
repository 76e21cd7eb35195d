/** What would matter for an answer and was not known when it was given. */
import { inboundCount } from "../graph/channel-graph.ts";
import type { IntentCase } from "./case.ts";
import { AVOID_BELOW, PAY_FROM } from "./decide.ts";
import type { Probed, Unknown } from "./decision.ts";
import { countText } from "./wording.ts";

/** A graph read longer ago than this is stale (the guard of `scoringStale`). */
const STALE_AFTER_SEC = 7200;
/** Channel updates are rebroadcast at least every fortnight; a graph whose newest is older has stopped listening. */
const SILENT_AFTER_SEC = 86_400;
/** Larger payments are commonly split. */
const SPLIT_FROM_MSAT = 500_000_000;

/** How long ago the graph was read, and its newest channel update made (undefined when no update says). */
export type GraphAges = { readonly readSec: number; readonly silentSec: number | undefined };

/** Channels of the caller's to nodes that the graph does not know, and whether parts were tried. */
export type Asked = { readonly strangers: number; readonly inParts: boolean };

/** The unknowns of a case. */
export function listUnknowns(
  asked: IntentCase,
  probed: Probed,
  ages: GraphAges,
  { strangers, inParts }: Asked,
): Unknown[] {
  const { graph, target, chance } = asked;
  const unknowns: Unknown[] = [...notTried(probed, asked.own !== undefined), ...ofCaller(asked, strangers)];
  const { readSec, silentSec } = ages;
  if (readSec > STALE_AFTER_SEC || (silentSec ?? 0) > SILENT_AFTER_SEC) {
    unknowns.push({
      code: "graph-stale",
      text: `The graph was read ${readSec} seconds ago; its newest update is ${silentSec === undefined ? "undated" : `${silentSec} seconds old`}.`,
    });
  }
  if (inboundCount(graph, target) === 0 || chance.probability < AVOID_BELOW) {
    unknowns.push({
      code: "unannounced-channels",
      text: "The target may have unannounced channels; an invoice with route hints would reach it through them.",
    });
  }
  if (!inParts && asked.amountMsat >= SPLIT_FROM_MSAT && chance.probability < PAY_FROM) {
    unknowns.push({
      code: "single-part-only",
      text: "Computed for one part: a payment in several parts may do better, which maxParts tells.",
    });
  }
  return unknowns;
}

function ofCaller({ caller, own }: IntentCase, strangers: number): Unknown[] {
  if (strangers > 0) {
    const text = `${countText(strangers, "channel")} of the caller's lead to nodes that are not in the public graph, and count for nothing.`;
    return [{ code: "caller-peer-unknown", text }];
  }
  if (own) return [];
  if (caller >= 0) {
    return [
      {
        code: "caller-balances",
        text: "The caller's own balances are not known to us: callerChannels tells them, for one answer.",
      },
    ];
  }
  return [
    {
      code: "caller-not-in-graph",
      text: "The caller is not in the public graph: callers drawn by capacity stand for it, unless it tells its callerChannels.",
    },
  ];
}

function notTried({ channels, ofChannels, targetSighted }: Probed, ownTold: boolean): Unknown[] {
  const where = ownTold
    ? "on the first route and at the target"
    : "on the first route, at the target and at the caller";
  const unknowns: Unknown[] = [];
  if (channels === 0) {
    unknowns.push({
      code: "balances-never-probed",
      text: `No balance ${where} has been probed lately: all follow the prior fitted on real probes.`,
    });
  } else if (channels < ofChannels) {
    unknowns.push({
      code: "balances-partly-probed",
      text: `Of ${ofChannels} channels ${where}, ${channels} were probed lately; the others follow the prior.`,
    });
  }
  if (!targetSighted) {
    unknowns.push({
      code: "target-never-tried",
      text: "No probe has told lately whether the target is online: what its peers announce speaks for it.",
    });
  }
  return unknowns;
}
