/** The profile of one node: it is found first, which costs nothing; what we remember of it goes into what is computed. */
import { OracleError } from "../../core/errors.ts";
import { DAY_SEC, type NodeHistory } from "../../core/profile/history.ts";
import type { ProfileRequest } from "../../core/profile/make-profile.ts";
import { recordSurvival, type SurvivalRecord, type WatchedNode } from "../../core/profile/survival.ts";
import { parseSubject, type Subject } from "../../core/subject.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type FindPorts<Node> = {
  /** Undefined when the graph has no such node. @throws SUBJECT_AMBIGUOUS */
  find(subject: Subject): Promise<Node | undefined>;
};

export type HistoryPorts = {
  historyOf(keyHex: string): Promise<NodeHistory>;
  /** When the history begins; undefined before the first reading. */
  watchedSince(): Promise<UnixSeconds | undefined>;
  /** What became, up to an instant, of the nodes that had channels at an earlier one. */
  becameOf(from: UnixSeconds, until: UnixSeconds): Promise<WatchedNode[]>;
};

/** Nodes are watched for so long, at most, before the hazard of today is read off them. */
const WATCHED_DAYS = 90;
/** Less than this tells next to nothing. */
const LEAST_DAYS = 7;
/** The record of all nodes changes slowly, and reads the whole history. */
const RECORD_KEPT_SEC = 3_600;

/** @throws SUBJECT_MALFORMED, SUBJECT_AMBIGUOUS, SUBJECT_UNKNOWN for a node that nobody announced */
export async function findSubject<Node>(ports: FindPorts<Node>, id: string): Promise<Node> {
  const node = await ports.find(parseSubject(id));
  if (node === undefined) {
    throw new OracleError(
      "SUBJECT_UNKNOWN",
      "no announced node has this name; a node without public channels cannot be rated",
    );
  }
  return node;
}

/** What our history has to say of one node and of all: the latter is read again once an hour. */
export function openRemembering(ports: HistoryPorts) {
  let kept: { at: UnixSeconds; record: Promise<SurvivalRecord> } | undefined;
  const recordAt = (now: UnixSeconds): Promise<SurvivalRecord> => {
    if (kept && now - kept.at < RECORD_KEPT_SEC) return kept.record;
    const reading = { at: now, record: readRecord(ports, now) };
    kept = reading;
    // What failed is tried again with the next question.
    reading.record.catch(() => {
      if (kept === reading) kept = undefined;
    });
    return reading.record;
  };
  return async (nodeKey: string, now: UnixSeconds): Promise<ProfileRequest> => {
    const [history, record] = await Promise.all([ports.historyOf(nodeKey), recordAt(now)]);
    return { nodeKey, now, history, record };
  };
}

async function readRecord(ports: HistoryPorts, now: UnixSeconds): Promise<SurvivalRecord> {
  const since = await ports.watchedSince();
  if (since === undefined || now - since < LEAST_DAYS * DAY_SEC) return recordSurvival([]);
  const from = Math.max(since, now - WATCHED_DAYS * DAY_SEC) as UnixSeconds;
  return recordSurvival(await ports.becameOf(from, now));
}
