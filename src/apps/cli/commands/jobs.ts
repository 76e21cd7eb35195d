/** `satrank jobs`: how the crawlers' jobs and queues stand; and what failed every try, put back. */
import { Command } from "commander";
import { countWaiting, retryDead, type Waiting } from "../../../adapters/postgres/waiting-jobs.ts";
import { OracleError } from "../../../core/errors.ts";
import { withDatabase } from "../database.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";

export function jobsCommand(output: Output): Command {
  return new Command("jobs")
    .description("what waits in the queues, for how long, and what failed every try; exits with 1 when something did")
    .option("--retry <queue>", "put what failed every try back into this queue first")
    .action(({ retry }: { retry?: string }) =>
      withDatabase(async (database, url) => {
        const revived = retry === undefined ? 0 : await retryDead(url, retry);
        if (revived === undefined)
          throw new OracleError(
            "VALIDATION_FAILED",
            `there is no queue ${retry}: satrank jobs lists those with something in them`,
          );
        const found = await countWaiting(database);
        output.result({ revived, jobs: found }, [
          ...(retry === undefined ? [] : [`${revived} put back into ${retry}`]),
          ...(found.length === 0 ? ["nothing waits"] : found.map((each) => sayWaiting(each, output))),
        ]);
        if (found.some(({ dead }) => dead > 0)) throw new Exit(EXIT.failed);
      }),
    );
}

function sayWaiting({ name, waiting, lagSec, dead }: Waiting, { paint }: Pick<Output, "paint">): string {
  const lag = waiting === 0 ? "nothing is due" : `${waiting} due for up to ${Math.round(lagSec)} s`;
  return `${name.padEnd(32)} ${lag}${dead === 0 ? "" : paint("red", `, ${dead} failed every try`)}`;
}
