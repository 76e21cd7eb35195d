#!/usr/bin/env node
/** The `satrank` command. */
import { Command, CommanderError } from "commander";
import { errorCode } from "../../core/errors.ts";
import { readColourWish } from "../config.ts";
import { VERSION } from "../version.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { evaluateCommand } from "./commands/evaluate.ts";
import { evidenceCommand } from "./commands/evidence.ts";
import { followCommand } from "./commands/follow.ts";
import { intentCommand } from "./commands/intent.ts";
import { jobsCommand } from "./commands/jobs.ts";
import { keysCommand } from "./commands/keys.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { operatorTokenCommand } from "./commands/operator-token.ts";
import { paymentCommand } from "./commands/payment.ts";
import { predictionsCommand } from "./commands/predictions.ts";
import { probeCommand } from "./commands/probe.ts";
import { reconcileCommand } from "./commands/reconcile.ts";
import { startCommands } from "./commands/start.ts";
import { tokenCommand } from "./commands/token.ts";
import { verifyCommand } from "./commands/verify.ts";
import { createOutput, EXIT, Exit, type Output } from "./terminal.ts";

const UNREACHABLE = new Set(["LND_UNAVAILABLE", "DATABASE_UNAVAILABLE", "RELAY_UNAVAILABLE"]);

const json = process.argv.includes("--json");
const output: Output = createOutput({ json, colour: process.stdout.isTTY && !json && readColourWish() });

const program = new Command("satrank")
  .description("A Lightning trust oracle that is paid over Lightning.")
  .version(VERSION)
  .option("--json", "print the result, and failures, as JSON")
  .showHelpAfterError("(satrank --help lists the commands)")
  .exitOverride();
program.addHelpText(
  "after",
  `\nExit codes: 0 done, 1 the answer is no or a failure, 2 wrong usage, 3 payment is needed, 4 nobody answers.`,
);

for (const command of [
  ...startCommands(),
  migrateCommand(output),
  keysCommand(output),
  operatorTokenCommand(output),
  tokenCommand(output),
  reconcileCommand(output),
  probeCommand(output),
  evidenceCommand(output),
  jobsCommand(output),
  predictionsCommand(output),
  paymentCommand(output),
  intentCommand(output),
  verifyCommand(output),
  followCommand(output),
  evaluateCommand(output),
  doctorCommand(output),
]) {
  program.addCommand(command.exitOverride());
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof Exit) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const code = errorCode(error) ?? "INTERNAL";
  output.failure(code, error instanceof Error ? error.message : String(error));
  return UNREACHABLE.has(code) ? EXIT.unreachable : EXIT.failed;
}
