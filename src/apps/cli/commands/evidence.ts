/** `satrank evidence`: whether the evidence log is what it was, and the hash that covers it. */
import { Command } from "commander";
import { evidenceTable } from "../../../adapters/postgres/evidence.ts";
import { toHex } from "../../../core/bytes.ts";
import { CHAIN_START, type ChainVerdict, verifyChain } from "../../../core/evidence/chain.ts";
import { withDatabase } from "../database.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";

const PAGE = 2_000;

export function evidenceCommand(output: Output): Command {
  return new Command("evidence")
    .description(
      "verify the evidence log from its first entry on, and print its head; exits with 1 when it does not hold",
    )
    .action(() =>
      withDatabase(async (database) => {
        const log = evidenceTable(database);
        let verdict: ChainVerdict = { ok: true, head: CHAIN_START };
        for (let more = true; more && verdict.ok; ) {
          const { head } = verdict;
          const page = await log.page(head.position, PAGE);
          output.progress(`verifying entries after ${head.position} ...`);
          verdict = verifyChain(page, head);
          more = page.length === PAGE;
        }
        output.progress("");
        if (!verdict.ok) {
          const { position, reason } = verdict;
          const why = reason === "gap" ? "is missing" : "was changed, or what comes before it";
          const line = output.paint("red", `the log does not hold: entry ${position} ${why}`);
          output.result({ ok: false, position, reason }, [line]);
          throw new Exit(EXIT.failed);
        }
        const { position, hash } = verdict.head;
        output.result({ ok: true, entries: position, head: toHex(hash) }, [
          output.paint("green", `${position} entries hold`),
          `head ${toHex(hash)}`,
        ]);
      }),
    );
}
