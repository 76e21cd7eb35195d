/** Comments and reactions about what we rate. Sources: NIP-22 (kind 1111, root `I`), NIP-25 (kind 17, `i`), NIP-73. */
import { readEndpointUrl } from "../endpoint/endpoint.ts";
import type { SignedEvent } from "../nip85/event.ts";
import { nodeIdentifier, parseNodeIdentifier } from "../nip85/identifier.ts";
import { FOREIGN_KIND } from "../nip85/kinds.ts";

/** What a mention is about: `subject` as an assertion names it, and the key by which it is looked up. */
export type MentionSubject =
  | { readonly subject: string; readonly nodeKey: string }
  | { readonly subject: string; readonly urlHash: string };

/** `likes` is true of every comment, and of a reaction unless it says "-". */
export type Mention = MentionSubject & { readonly kind: number; readonly likes: boolean };

const MAX_CONTENT = 65_536;

/** Undefined when the event is about none or several identifiers, or about something that cannot be rated; or says nothing. */
export function readMention(event: SignedEvent): Mention | undefined {
  const isComment = event.kind === FOREIGN_KIND.comment;
  if (!isComment && event.kind !== FOREIGN_KIND.reaction) return undefined;
  if (event.content.length > MAX_CONTENT || (isComment && event.content.trim() === "")) return undefined;
  const named = new Set(event.tags.filter(([tag]) => tag === (isComment ? "I" : "i")).map(([, value]) => value));
  const [identifier] = named;
  const subject = named.size === 1 && identifier !== undefined ? readSubject(identifier) : undefined;
  return subject && { ...subject, kind: event.kind, likes: isComment || event.content.trim() !== "-" };
}

/** The subject that an identifier of NIP-73 names. Other spellings of a URL are the same subject. */
function readSubject(identifier: string): MentionSubject | undefined {
  const node = parseNodeIdentifier(identifier);
  if (node) return { subject: nodeIdentifier(node.nodeKey, node.network), nodeKey: node.nodeKey };
  const endpoint = readEndpointUrl(identifier);
  return typeof endpoint === "string" ? undefined : { subject: endpoint.url, urlHash: endpoint.id };
}
