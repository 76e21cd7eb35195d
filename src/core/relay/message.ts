/** What a client may say to a relay, and what is answered at once when it says anything else. Sources: NIP-01, NIP-42, NIP-45. */
import { isHex } from "../nip85/event.ts";
import { type Filter, readFilter } from "./filter.ts";

/** `answer`: nothing is to be done but to say this. A CLOSED among them ends the subscription of that name. */
export type ClientMessage =
  | { verb: "REQ" | "COUNT"; id: string; filters: readonly Filter[] }
  | { verb: "CLOSE"; id: string }
  | { verb: "EVENT" | "other"; answer: readonly unknown[] };

export const MAX_SUBSCRIPTION_ID_LENGTH = 64;
/** Filters of one REQ. */
const MAX_FILTERS = 20;

/** Reads one message. It says no thing twice as long as it was told. */
export function readMessage(text: string): ClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return notice("invalid: this is not JSON");
  }
  if (!Array.isArray(value) || typeof value[0] !== "string")
    return notice("invalid: a message is a list that begins with its verb");
  const [verb, ...rest] = value as [string, ...unknown[]];
  if (verb === "REQ" || verb === "COUNT") return readRequest(verb, rest);
  if (verb === "CLOSE")
    return isSubscriptionId(rest[0]) ? { verb, id: rest[0] } : notice("invalid: CLOSE names a subscription");
  if (verb === "EVENT") return refuse("EVENT", rest[0], "blocked: read-only");
  if (verb === "AUTH") return refuse("other", rest[0], "error: this relay asks nobody who they are");
  return notice("unsupported: this relay knows REQ, CLOSE, COUNT and EVENT");
}

function readRequest(verb: "REQ" | "COUNT", [id, ...given]: unknown[]): ClientMessage {
  if (!isSubscriptionId(id))
    return notice(`invalid: ${verb} needs a name of 1 to ${MAX_SUBSCRIPTION_ID_LENGTH} characters`);
  if (given.length === 0) return closed(id, `invalid: ${verb} needs a filter`);
  if (given.length > MAX_FILTERS) return closed(id, `invalid: ${verb} takes at most ${MAX_FILTERS} filters`);
  const filters: Filter[] = [];
  for (const each of given) {
    const filter = readFilter(each);
    if ("refused" in filter) return closed(id, filter.refused);
    filters.push(filter);
  }
  return { verb, id, filters };
}

/** Events are known by their id alone; whether the rest of it holds does not matter to who takes none. */
function refuse(verb: "EVENT" | "other", event: unknown, why: string): ClientMessage {
  const id = typeof event === "object" && event !== null && "id" in event ? event.id : undefined;
  return isHex(id, 64) ? { verb, answer: ["OK", id, false, why] } : notice("invalid: this is no event");
}

function isSubscriptionId(id: unknown): id is string {
  return typeof id === "string" && id.length >= 1 && id.length <= MAX_SUBSCRIPTION_ID_LENGTH;
}

function closed(id: string, why: string): ClientMessage {
  return { verb: "other", answer: ["CLOSED", id, why] };
}

function notice(text: string): ClientMessage {
  return { verb: "other", answer: ["NOTICE", text] };
}
