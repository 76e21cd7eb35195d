/** What is remembered of channels besides what is stored: the last message about each, and which of them are not public yet. */

/** Two messages about one direction within this time may have come in the wrong order. */
const ORDER_SEC = 60;
/** A burst beyond this many channels forgets the oldest. */
const REMEMBERED = 100_000;

type Recent = { number: number; at: number; sides: number };

/** An empty memory. */
export function openRecentChannels() {
  const channels = new Map<bigint, Recent>();
  return {
    /** Remembers a message. True when there was one about the same side (0 or 1; -1 is neither) a moment ago. */
    note(id: bigint, side: number, heard: { number: number; at: number }): boolean {
      const before = channels.get(id);
      const bit = side < 0 ? 0 : 1 << side;
      // A Map lists keys in the order they were set: the first is the one heard of longest ago.
      channels.delete(id);
      channels.set(id, { number: heard.number, at: heard.at, sides: (before?.sides ?? 0) | bit });
      return ((before?.sides ?? 0) & bit) !== 0;
    },

    /** The number of the last message about a channel; -1 when none is remembered. */
    last: (id: bigint): number => channels.get(id)?.number ?? -1,

    /** Forgets what is no moment ago. */
    prune(now: number): void {
      for (const [id, { at }] of channels) {
        if (channels.size <= REMEMBERED && at >= now - ORDER_SEC) break;
        channels.delete(id);
      }
    },
  };
}

/** Announcements follow six blocks after a channel opens. */
const ANNOUNCED_WITHIN_SEC = 7_200;
const ASK_AGAIN_SEC = 60;
/** More than one node opens in two hours. */
const UNANNOUNCED = 1_000;

/** Channels of the node itself that it streams before they are public; nothing tells when they become so. */
export function openUnannounced() {
  const channels = new Map<bigint, { since: number; nextAt: number }>();
  return {
    /** Remembers that a channel is not public now. One that never becomes so is given up. */
    add(id: bigint, now: number): void {
      const since = channels.get(id)?.since ?? now;
      channels.delete(id);
      if (now - since < ANNOUNCED_WITHIN_SEC && channels.size < UNANNOUNCED) {
        channels.set(id, { since, nextAt: now + ASK_AGAIN_SEC });
      }
    },

    /** Channels to be asked for again. */
    due(now: number): bigint[] {
      const ids = [...channels].filter(([, { nextAt }]) => nextAt <= now).map(([id]) => id);
      for (const id of ids) channels.get(id)!.nextAt = now + ASK_AGAIN_SEC;
      return ids;
    },
  };
}
