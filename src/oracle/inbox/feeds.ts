/** What is asked of a relay, by name, and what each kind of event is taken for. */

import { NODE_TYPE, URL_TYPE } from "../../core/nip85/identifier.ts";
import { FOREIGN_KIND } from "../../core/nip85/kinds.ts";

/** Tags of a NIP-01 filter, beside its kinds and its seconds. */
export type Asked = { kinds: readonly number[] } & { [tag: `#${string}`]: readonly string[] };

/**
 * `most` events are looked at in one reading, and the rest in the next. `reachSec` bounds how old an event may be to be of use;
 * without it everything is read once.
 */
export type Feed = {
  name: "nodes" | "comments" | "reactions" | "labels";
  asked: Asked;
  most: number;
  reachSec?: number;
};

const MOST_EVENTS = 2_000;
/** Each may become an entry of the evidence log, which is never made shorter. */
const MOST_LABELS = 300;
/** A report is about a call of the last day. */
const LABEL_REACH_SEC = 86_400;
const RATED_TYPES = [NODE_TYPE, URL_TYPE];

/** The feeds of one relay. Relays index single letters, so a comment is found by the type of its root, and sorted out here. */
export function inboxFeeds(namespaces: readonly string[]): Feed[] {
  const labels = { kinds: [FOREIGN_KIND.label], "#L": namespaces };
  return [
    { name: "nodes", asked: { kinds: [FOREIGN_KIND.nodeAnnouncement] }, most: MOST_EVENTS },
    { name: "comments", asked: { kinds: [FOREIGN_KIND.comment], "#K": RATED_TYPES }, most: MOST_EVENTS },
    { name: "reactions", asked: { kinds: [FOREIGN_KIND.reaction], "#k": RATED_TYPES }, most: MOST_EVENTS },
    { name: "labels", asked: labels, most: MOST_LABELS, reachSec: LABEL_REACH_SEC },
  ];
}
