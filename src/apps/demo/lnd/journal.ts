/**
 * The durable memory of the simulated world: one append-only file, one JSON record per line.
 *
 * `append` resolves when the record is on the disk; records that arrive during one fsync share the next. A process
 * killed in the middle of a write leaves a torn last line, which is cut off on the next start: nobody was told of it.
 * Records that say nothing any more are left out when the file is opened and each time it has doubled.
 */
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { OracleError } from "../../../core/errors.ts";

/** Append resolves once the record is durable; close waits for what is under way. */
export type Journal<Entry> = { append(entry: Entry): Promise<void>; close(): Promise<void> };

/**
 * What a journal is for. `isKept` is asked after `replayed`, and again while the journal runs, always after whoever
 * waited for the record's `append` has heard of it: an entry that says nothing any more may go.
 */
export type JournalReader<Entry> = {
  replay: (entry: Entry) => void;
  replayed?: () => void;
  isKept?: (entry: Entry) => boolean;
};

const MAX_BYTES = 2 ** 29;
const COMPACT_AT_BYTES = 2 ** 23;
const CHUNK_BYTES = 2 ** 18;

type IsKept<Entry> = (entry: Entry) => boolean;
type OpenFile = { file: FileHandle; bytes: number };

/**
 * Replays every record in order, then opens for appending. Reads and writes in pieces, so a long file costs time and
 * no memory. `compactAtBytes` is the size below which a running journal is left as it is.
 *
 * @throws CONFIG_INVALID when the file is damaged inside
 */
export async function openJournal<Entry>(
  path: string,
  reader: JournalReader<Entry>,
  options: { compactAtBytes?: number } = {},
): Promise<Journal<Entry>> {
  const { compactAtBytes = COMPACT_AT_BYTES } = options;
  const { isKept } = reader;
  const bytes = await makeDurable(path);
  const wholeBytes = await readRecords<Entry>(path, bytes, reader.replay);
  reader.replayed?.();
  const isTorn = wholeBytes < bytes;
  const opened =
    isKept || isTorn
      ? await compact(path, wholeBytes, isKept ?? (() => true))
      : { file: await open(path, "a", 0o600), bytes };
  return groupWrites(opened, (size) => (isKept ? compact(path, size, isKept) : undefined), compactAtBytes);
}

/** The file's size, once it and its name are on the disk. */
async function makeDurable(path: string): Promise<number> {
  const file = await open(path, "a", 0o600);
  try {
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw damaged(path, `it is larger than ${MAX_BYTES} bytes`);
    await file.sync();
    await syncDirectory(dirname(path));
    return size;
  } finally {
    await file.close();
  }
}

/**
 * Shows each record of the first `size` bytes, with its line, and returns where the last whole one ends. A last line
 * that is torn or not JSON is left out.
 */
async function readRecords<Entry>(
  path: string,
  size: number,
  show: (entry: Entry, line: Buffer) => void,
): Promise<number> {
  let end = 0;
  for await (const lines of readLines(path, size)) {
    for (const line of lines) {
      let entry: Entry;
      try {
        entry = JSON.parse(line.toString("utf8")) as Entry;
      } catch (cause) {
        if (end + line.length < size) throw damaged(path, `the record at byte ${end} is not JSON`, cause);
        return end;
      }
      show(entry, line);
      end += line.length;
    }
  }
  return end;
}

/** Whole lines with their newlines, some at a time. */
async function* readLines(path: string, size: number): AsyncGenerator<Buffer[], void, undefined> {
  const file = await open(path, "r");
  try {
    let rest = Buffer.alloc(0);
    for (let at = 0; at < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      const data = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const lines: Buffer[] = [];
      let start = 0;
      for (let newline = data.indexOf(10); newline >= 0; newline = data.indexOf(10, start)) {
        lines.push(data.subarray(start, newline + 1));
        start = newline + 1;
      }
      rest = data.subarray(start);
      yield lines;
    }
  } finally {
    await file.close();
  }
}

/** Writes the records worth keeping anew. The old content or the new is there, whole, whenever the process dies. */
async function compact<Entry>(path: string, size: number, isKept: IsKept<Entry>): Promise<OpenFile> {
  // Whoever waits for an append goes on before anybody judges what it is worth.
  await setImmediate();
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", 0o600);
  try {
    let bytes = 0;
    for await (const lines of readLines(path, size)) {
      const kept = Buffer.concat(lines.filter((line) => isKept(JSON.parse(line.toString("utf8")) as Entry)));
      await file.appendFile(kept);
      bytes += kept.length;
    }
    await file.sync();
    await rename(temporary, path);
    await syncDirectory(dirname(path));
    return { file, bytes };
  } catch (error) {
    await file.close();
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

type Waiting = { line: string; done: () => void; failed: (error: unknown) => void };

function groupWrites<Entry>(
  opened: OpenFile,
  shrink: (size: number) => Promise<OpenFile> | undefined,
  compactAtBytes: number,
): Journal<Entry> {
  let { file, bytes } = opened;
  let compactAt = Math.max(compactAtBytes, 2 * bytes);
  let queue: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let broken: unknown;

  const write = async (batch: Waiting[]) => {
    try {
      if (broken) throw broken;
      const lines = Buffer.from(batch.map(({ line }) => line).join(""));
      await file.appendFile(lines);
      await file.datasync();
      bytes += lines.length;
      for (const { done } of batch) done();
    } catch (error) {
      // After a failed write nobody knows what the disk holds: nothing more is acknowledged until a restart.
      broken = error;
      for (const { failed } of batch) failed(error);
    }
  };
  const drain = async () => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      await write(batch);
      if (broken || bytes < compactAt) continue;
      try {
        const old = file;
        const smaller = await shrink(bytes);
        if (smaller) {
          ({ file, bytes } = smaller);
          await old.close();
        }
      } catch (error) {
        // Which of the two files is the journal by now is not known, so neither takes anything more.
        broken = error;
      }
      compactAt = Math.max(compactAtBytes, 2 * bytes);
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
