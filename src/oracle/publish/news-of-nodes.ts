/** What is news once nodes have been rated: ready to be stored in the transaction that stores their scores. */
import type { NodeAssertion } from "../../core/nip85/assertion.ts";
import { nodeIdentifier } from "../../core/nip85/identifier.ts";
import type { Voice } from "../../core/nip85/statement.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type DraftPorts, draftNews, type Staged } from "./draft-news.ts";
import { type SourcePorts, sayNodes } from "./everything.ts";

export type NodeNewsPorts = DraftPorts &
  Pick<SourcePorts, "nodeAddresses" | "mentionsOf"> & {
    /** A monotonic clock in ms. */
    elapsedMs(): number;
  };

/** Scores wait no longer for signatures: what is left is said by the job that compares everything. */
const MAX_SIGNING_MS = 30_000;

export async function newsOfNodes(
  ports: NodeNewsPorts,
  rated: AsyncIterable<readonly NodeAssertion[]>,
  voice: Voice,
  now: UnixSeconds,
): Promise<Staged[]> {
  const from = ports.elapsedMs();
  const addresses = await ports.nodeAddresses();
  const news: Staged[] = [];
  for await (const nodes of rated) {
    if (ports.elapsedMs() - from > MAX_SIGNING_MS) break;
    const mentions = await ports.mentionsOf(nodes.map(({ nodeKey }) => nodeIdentifier(nodeKey, voice.network)));
    const { staged } = await draftNews(ports, sayNodes(nodes, addresses, mentions, voice), now);
    news.push(...staged);
  }
  return news;
}
