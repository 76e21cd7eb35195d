/** What is news once some endpoints have been rated: ready to be stored in the transaction that stores the ratings. */
import type { Standing } from "../../core/nip85/retraction.ts";
import type { Voice } from "../../core/nip85/statement.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type DraftPorts, draftNews, draftRetractions, type Staged } from "./draft-news.ts";
import { methodsByUrl, type SourcePorts, sayEndpoints } from "./everything.ts";
import { type KnownBelief, type KnownEndpoint, sayableOf } from "./known-endpoint.ts";

export type EndpointNewsPorts = DraftPorts &
  Pick<SourcePorts, "paidApiAddresses" | "mentionsOf"> & {
    /** All methods of the URLs of these endpoints. */
    endpointsBeside(endpointIds: readonly bigint[]): Promise<KnownEndpoint[]>;
    /** What a key has said about a subject, and that stands. */
    standingAbout(pubkey: string, subjects: readonly string[]): Promise<(Standing & { subject: string })[]>;
  };

/** `rated`: new beliefs, which the tables do not hold yet. */
export async function newsOfEndpoints(
  ports: EndpointNewsPorts,
  rated: ReadonlyMap<bigint, KnownBelief>,
  voice: Voice,
  now: UnixSeconds,
): Promise<Staged[]> {
  const known = await ports.endpointsBeside([...rated.keys()]);
  const current = known.map((each) => ({ ...each, belief: rated.get(each.endpointId) ?? each.belief }));
  const byUrl = methodsByUrl(current);
  const sayable = byUrl.flatMap((methods) => sayableOf(methods) ?? []);
  const mentions = await ports.mentionsOf(sayable.map(({ url }) => url));
  const statements = sayEndpoints(sayable, await ports.paidApiAddresses(), mentions, voice);
  const { staged } = await draftNews(ports, statements, now);

  const unsaid = byUrl.filter((methods) => sayableOf(methods) === undefined).map(([first]) => first!.urlHash);
  if (unsaid.length === 0) return staged;
  const gone = await ports.standingAbout(voice.pubkeys.endpoint, unsaid);
  return [...staged, ...(await draftRetractions(ports, voice.pubkeys.endpoint, gone, now))];
}
