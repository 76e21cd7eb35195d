/** A secret that a command is given as a file, so that it is in no history and no list of processes. */
import { readFileSync } from "node:fs";
import { OracleError } from "../../core/errors.ts";

/** Its text without white space around it. @throws CONFIG_INVALID */
export function readSecret(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", `cannot read ${file}`, { cause });
  }
}
