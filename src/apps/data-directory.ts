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
  fs.mkdirSync(directory, { recursive: true });
  const lock = path.join(directory, "satrank.pid");
  const holder = fs.existsSync(lock) ? Number(fs.readFileSync(lock, "utf8")) : 0;
  if (holder !== process.pid && isSatRank(holder)) {
    throw new OracleError(
      "CONFIG_INVALID",
      `${directory} is in use by process ${holder}; stop it first, or set DATA_DIR`,
    );
  }
  fs.writeFileSync(lock, String(process.pid));
  return () => fs.rmSync(lock, { force: true });
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
