/** Whether a log in the database is what it was: every entry, from the first one on, page by page. */
import { toHex } from "../../core/bytes.ts";
import { CHAIN_START, type ChainVerdict, type Link, verifyChain } from "../../core/evidence/chain.ts";
import { EXIT, Exit, type Output } from "./terminal.ts";

const PAGE = 2_000;

/** Prints the head of a log that holds. @throws Exit with 1 for one that does not */
export async function verifyLog(
  page: (after: bigint, limit: number) => Promise<Link[]>,
  output: Output,
): Promise<void> {
  let verdict: ChainVerdict = { ok: true, head: CHAIN_START };
  for (let more = true; more && verdict.ok; ) {
    const { head } = verdict;
    const links = await page(head.position, PAGE);
    output.progress(`verifying entries after ${head.position} ...`);
    verdict = verifyChain(links, head);
    more = links.length === PAGE;
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
}
