/** `satrank predictions`: whether the log of predictions is what it was, and the hash that covers it. */
import { Command } from "commander";
import { predictionTable } from "../../../adapters/postgres/prediction.ts";
import { withDatabase } from "../database.ts";
import type { Output } from "../terminal.ts";
import { verifyLog } from "../verify-log.ts";

export function predictionsCommand(output: Output): Command {
  return new Command("predictions")
    .description(
      "verify the log of predictions from its first entry on, and print its head; exits with 1 when it does not hold",
    )
    .action(() => withDatabase((database) => verifyLog(predictionTable(database).page, output)));
}
