/** The local relay's memory across restarts: one JSON line per event, appended before the event is acknowledged. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { decodeEvent, encodeEvent, type SignedEvent } from "../../../core/nip85/event.ts";
import type { EventStore } from "./event-store.ts";

export type EventJournal = { append(event: SignedEvent): void; close(): void };

/** Rewritten at start when it holds so many times more lines than events. */
const MAX_GROWTH = 2;

/** Fills the store from the file and opens it for appending. A last line torn by a crash is dropped: it was never acknowledged. */
export function openEventJournal(file: string, store: EventStore): EventJournal {
  mkdirSync(path.dirname(file), { recursive: true });
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const lines = text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "");
  for (const line of lines) {
    const event = decodeEvent(line);
    if (event) store.store(event);
  }
  const torn = !text.endsWith("\n") && text !== "";
  if (torn || lines.length > MAX_GROWTH * store.size() + 100) rewrite(file, store);

  const descriptor = openSync(file, "a", 0o600);
  return {
    append: (event) => void writeSync(descriptor, `${encodeEvent(event)}\n`),
    close: () => closeSync(descriptor),
  };
}

/** A whole new file takes the old one's place in one step. */
function rewrite(file: string, store: EventStore): void {
  const fresh = `${file}.new`;
  writeFileSync(fresh, [...store.all()].map((event) => `${encodeEvent(event)}\n`).join(""), { mode: 0o600 });
  const descriptor = openSync(fresh, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(fresh, file);
}
