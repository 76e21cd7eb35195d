/** Nodes that callers named lately: the same few are asked about again and again, and what is stored of one changes hourly. */
import { LRUCache } from "lru-cache";
import type { Subject } from "../../core/subject.ts";

const REMEMBERED = 10_000;
const REMEMBERED_MS = 10_000;

/**
 * Looks nodes up by `find`, and remembers for ten seconds those that it found. One that nobody has announced is looked up every time, so
 * that it is known with its first announcement; so is one named by its alias, which another may take.
 */
export function rememberFound<Node extends object>(
  find: (subject: Subject) => Promise<Node | undefined>,
  now: () => number = () => performance.now(),
): (subject: Subject) => Promise<Node | undefined> {
  const found = new LRUCache<string, Node>({ max: REMEMBERED, ttl: REMEMBERED_MS, ttlResolution: 0, perf: { now } });
  return async (subject) => {
    if (subject.by === "alias") return find(subject);
    const name = subject.by === "key" ? subject.keyHex : subject.hashHex;
    const known = found.get(name);
    if (known) return known;
    const node = await find(subject);
    if (node) found.set(name, node);
    return node;
  };
}
