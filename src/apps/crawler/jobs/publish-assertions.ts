/** Job: sign what is news about nodes, and put it into the outbox. */
import { getInfo, type NodeInfo } from "../../../adapters/lnd/get-info.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { graphTables } from "../../../adapters/postgres/graph.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { OracleError } from "../../../core/errors.ts";
import { NETWORKS, type Network } from "../../../core/nip85/identifier.ts";
import { publishAssertions } from "../../../oracle/publish/publish-assertions.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { LndGroup } from "../../lnd-group.ts";
import type { Publisher } from "../publisher.ts";

const EVERY_SEC = 3_600;
const TIMEOUT_SEC = 600;

export function publishAssertionsJob(deps: {
  database: Database;
  publisher: Publisher;
  origin: string;
  lnd: LndGroup;
  events: Events;
  signal: AbortSignal;
}): Job {
  const { database, publisher, origin, lnd, events, signal } = deps;
  const ports = { ...outboxTable(database), sign: publisher.sign };
  return {
    name: "publish-assertions",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const network = networkOf(await lnd.first((node) => getInfo(node, { signal })));
      const nodes = await graphTables(database).scored();
      const scores = nodes.flatMap(({ keyHex, score }) =>
        score ? [{ nodeKey: keyHex, ...score, asOf: score.scoredAt }] : [],
      );
      const report = await publishAssertions(ports, {
        scores,
        pubkey: publisher.pubkeys.node,
        origin,
        network,
        now: now(),
        signal,
      });
      events.published("staged", report.staged);
      events.published("refused_by_lint", report.refusedCount);
      const { considered, unchanged, staged, refusedCount, refused } = report;
      return {
        considered,
        unchanged,
        staged,
        refusedCount,
        ...(refusedCount > 0 && { refused: refused.slice(0, 3) }),
      };
    },
  };
}

/** The network that assertions name. A node that does not say must not have its keys published as mainnet's. */
function networkOf(info: NodeInfo): Network {
  const network = NETWORKS.find((name) => name === info.network);
  if (!network)
    throw new OracleError(
      "LND_REFUSED",
      `LND names no known network (${info.network ?? "none"}): nothing is published`,
    );
  return network;
}
