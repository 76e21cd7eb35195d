/**
 * The durable memory of the simulated world: one append-only file, one JSON record per line.
 *
 * `append` resolves when the record is on the disk; records that arrive during one fsync share the next. A process
 * killed in the middle of a write leaves a torn last line, which is cut off on the next start: nobody was told of it.
 */
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { OracleError } from "../../../core/errors.ts";

/** Append resolves once the record is durable; close waits for what is under way. */
export type Journal<Entry> = { append(entry: Entry): Promise<void>; close(): Promise<void> };

const MAX_BYTES = 2 ** 29;

/** What a journal is for. `isKept` is asked after `replayed`: an entry that says nothing any more may go. */
export type JournalReader<Entry> = {
  replay: (entry: Entry) => void;
  replayed?: () => void;
  isKept?: (entry: Entry) => boolean;
};

/** Replays every record in order, then opens for appending. @throws CONFIG_INVALID when the file is damaged inside */
export async function openJournal<Entry>(path: string, reader: JournalReader<Entry>): Promise<Journal<Entry>> {
  const content = await readWhole(path);
  const entries = readEntries<Entry>(content, path);
  for (const { entry } of entries) reader.replay(entry);
  reader.replayed?.();
  const { isKept } = reader;
  const kept = isKept ? entries.filter(({ entry }) => isKept(entry)) : entries;
  const wholeBytes = entries.at(-1)?.end ?? 0;
  if (wholeBytes < content.length || kept.length < entries.length / 2) {
    const lines = kept.map(({ start, end }) => content.subarray(start, end));
    await replaceFile(path, Buffer.concat(lines));
  }
  return groupWrites(await open(path, "a", 0o600));
}

async function readWhole(path: string): Promise<Buffer> {
  const file = await open(path, "a+", 0o600);
  try {
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw damaged(path, `it is larger than ${MAX_BYTES} bytes`);
    await file.sync();
    await syncDirectory(dirname(path));
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Whole records and where they lie. A last line that is torn or not JSON is left out. */
function readEntries<Entry>(content: Buffer, path: string): { entry: Entry; start: number; end: number }[] {
  const entries: { entry: Entry; start: number; end: number }[] = [];
  let start = 0;
  for (let newline = content.indexOf(10); newline >= 0; newline = content.indexOf(10, start)) {
    const end = newline + 1;
    try {
      entries.push({ entry: JSON.parse(content.toString("utf8", start, newline)) as Entry, start, end });
    } catch (cause) {
      if (end < content.length) throw damaged(path, `the record at byte ${start} is not JSON`, cause);
    }
    start = end;
  }
  return entries;
}

/** The old content or the new is there, whole, whenever the process dies. */
async function replaceFile(path: string, content: Buffer): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

type Waiting = { line: string; done: () => void; failed: (error: unknown) => void };

function groupWrites<Entry>(file: FileHandle): Journal<Entry> {
  let queue: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let broken: unknown;

  const drain = async () => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        if (broken) throw broken;
        await file.appendFile(batch.map(({ line }) => line).join(""));
        await file.datasync();
        for (const { done } of batch) done();
      } catch (error) {
        // After a failed write nobody knows what the disk holds: nothing more is acknowledged until a restart.
        broken = error;
        for (const { failed } of batch) failed(error);
      }
    }
    writing = undefined;
  };
  return {
    append(entry) {
      return new Promise((done, failed) => {
        queue.push({ line: `${JSON.stringify(entry)}\n`, done, failed });
        writing ??= drain();
      });
    },
    async close() {
      await writing;
      await file.close();
    },
  };
}

/** A new file is durable only when its directory entry is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function damaged(path: string, reason: string, cause?: unknown): OracleError {
  const message = `The journal ${path} of the simulated network cannot be used: ${reason}. Move it away to start afresh.`;
  return new OracleError("CONFIG_INVALID", message, { cause });
}
