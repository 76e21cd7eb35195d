/** `satrank evidence`: whether the evidence log is what it was, and the hash that covers it. */
import { Command } from "commander";
import { evidenceTable } from "../../../adapters/postgres/evidence.ts";
import { withDatabase } from "../database.ts";
import type { Output } from "../terminal.ts";
import { verifyLog } from "../verify-log.ts";

export function evidenceCommand(output: Output): Command {
  return new Command("evidence")
    .description(
      "verify the evidence log from its first entry on, and print its head; exits with 1 when it does not hold",
    )
    .action(() => withDatabase((database) => verifyLog(evidenceTable(database).page, output)));
}
