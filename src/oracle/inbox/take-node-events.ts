/** Takes announcements of Lightning nodes (CLIP): of each node of our graph the newest, whoever signed it. */
import {
  type AnnouncementFault,
  isNodeAnnouncement,
  type NodeAnnouncement,
  outdates,
  readNodeAnnouncement,
} from "../../core/clip/announcement.ts";
import { type NodeInfo, readNodeInfo } from "../../core/clip/node-info.ts";
import { expirationOf } from "../../core/inbox/admit-event.ts";
import { type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type NodeEventPorts = {
  /** Of these nodes those in our graph, each with what is held of it; -1 for nothing. */
  heldAnnouncements(nodeKeys: readonly string[]): Promise<Map<string, { createdAt: number; eventId: string }>>;
  /** False when a later one is held already. */
  announce(made: NodeAnnouncement, expiresAt: UnixSeconds | undefined, relay: string): Promise<boolean>;
  /** False unless the node's announcement names this key. */
  inform(info: NodeInfo): Promise<boolean>;
  revokeAnnouncements(taken: {
    author: string;
    at: UnixSeconds;
    eventIds: readonly string[];
    nodeKeys: readonly string[];
  }): Promise<number>;
  /** Lets other work run: recovering a key holds the thread for some milliseconds. */
  breathe(): Promise<void>;
  now(): UnixSeconds;
  seen(feed: "nodes", outcome: string, count: number): void;
};

type Outcome = "announced" | "outdated" | "unknown-node" | "informed" | "not-its-operator" | AnnouncementFault;

/** Announcements first: who may say something of a node follows from them. @returns how many were news */
export async function takeNodeEvents(
  ports: NodeEventPorts,
  events: readonly SignedEvent[],
  relay: string,
): Promise<number> {
  const announcements = events.filter(isNodeAnnouncement);
  const held = await ports.heldAnnouncements(announcements.map((event) => tagValue(event, "d") ?? ""));
  let news = 0;
  const count = (outcome: Outcome) => {
    ports.seen("nodes", outcome, 1);
    if (outcome === "announced" || outcome === "informed") news++;
  };
  for (const event of announcements) count(await takeAnnouncement(ports, event, held, relay));
  for (const event of events) {
    if (isNodeAnnouncement(event)) continue;
    const info = readNodeInfo(event);
    if (!info) count("form");
    else count((await ports.inform(info)) ? "informed" : "not-its-operator");
  }
  return news;
}

async function takeAnnouncement(
  ports: NodeEventPorts,
  event: SignedEvent,
  held: Map<string, { createdAt: number; eventId: string }>,
  relay: string,
): Promise<Outcome> {
  const nodeKey = tagValue(event, "d") ?? "";
  const before = held.get(nodeKey);
  if (!before) return "unknown-node";
  if (!outdates({ createdAt: unixSeconds(event.created_at), eventId: event.id }, before as never)) return "outdated";
  const read = readNodeAnnouncement(event, ports.now());
  await ports.breathe();
  if (typeof read === "string") return read;
  held.set(nodeKey, read);
  return (await ports.announce(read, expirationOf(event), relay)) ? "announced" : "outdated";
}
