/** The directory that holds what the embedded default must not forget: one process at a time may own it. */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { z } from "zod";
import { toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";

const secretsFile = z.object({ l402MacaroonSecret: z.string().length(64), nostrPrivateKey: z.string().length(64) });
export type DemoSecrets = z.infer<typeof secretsFile>;

/** Makes the directory and claims it. @throws CONFIG_INVALID when a living process holds it. @returns how to let go */
export function claimDataDirectory(directory: string): () => void {
  try {
    fs.mkdirSync(directory, { recursive: true });
    fs.accessSync(directory, fs.constants.W_OK);
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", `${directory} cannot be written; set DATA_DIR to a directory that can`, {
      cause,
    });
  }
  const lock = path.join(directory, "satrank.pid");
  if (!tryLock(lock)) takeOver(lock);
  return () => fs.rmSync(lock, { force: true });
}

/** A takeover lasts microseconds; one that is older belongs to a process that died in it. */
const TAKEOVER_MS = 10_000;

/** Takes the lock of a holder that is gone. Of several that try, one does. @throws CONFIG_INVALID when it is not to be had */
function takeOver(lock: string): void {
  const holder = fs.readFileSync(lock, "utf8");
  if (isSatRank(Number(holder))) throw inUse(lock, holder);
  const turn = `${lock}.takeover`;
  if (fs.existsSync(turn) && Date.now() - fs.statSync(turn).mtimeMs > TAKEOVER_MS) fs.rmSync(turn, { force: true });
  if (!tryLock(turn)) throw inUse(lock, "another that is starting");
  try {
    // Somebody may have had the turn before us, and be the holder by now.
    if (fs.readFileSync(lock, "utf8") !== holder) throw inUse(lock, "another that has just started");
    fs.writeFileSync(lock, String(process.pid));
  } finally {
    fs.rmSync(turn, { force: true });
  }
}

function inUse(lock: string, holder: string): OracleError {
  return new OracleError(
    "CONFIG_INVALID",
    `${path.dirname(lock)} is in use by process ${holder}; stop it first, or set DATA_DIR`,
  );
}

/** Creates the lock with our process id, or finds that it exists. The system lets only one caller create it. */
function tryLock(lock: string): boolean {
  try {
    fs.writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** The embedded default's own keys, made once: a new macaroon key at each start would void every paid token. */
export function demoSecrets(directory: string): DemoSecrets {
  const file = path.join(directory, "secrets.json");
  if (fs.existsSync(file)) {
    const kept = secretsFile.safeParse(JSON.parse(fs.readFileSync(file, "utf8")));
    if (kept.success) return kept.data;
    throw new OracleError("CONFIG_INVALID", `${file} is damaged; restore it, or remove ${directory} to start afresh`);
  }
  const made = { l402MacaroonSecret: toHex(randomBytes(32)), nostrPrivateKey: toHex(randomBytes(32)) };
  const draft = `${file}.draft`;
  const handle = fs.openSync(draft, "w", 0o600);
  fs.writeSync(handle, JSON.stringify(made));
  fs.fsyncSync(handle);
  fs.closeSync(handle);
  fs.renameSync(draft, file);
  return made;
}

/** Whether this process id is alive and, where the system tells, one of ours: ids are used again. */
function isSatRank(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("node");
  } catch {
    return true;
  }
}
