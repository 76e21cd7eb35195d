/** Whether an assertion names one subject, in the form its kind asks for. Shared by the lint before signing and by verification. */
import { isHex, tagValue, type UnsignedEvent } from "./event.ts";
import { isNodeKey, NODE_TYPE, normalizeUrl, parseNodeIdentifier, URL_TYPE } from "./identifier.ts";
import { KIND } from "./kinds.ts";

/** One broken rule: its number, as the comments of `lint.ts` count them, and what is wrong. */
export type Fault = { rule: number; message: string };

/** strfry does not index longer tag values, and a NIP-19 address has one byte for the length. */
export const MAX_TAG_BYTES = 255;

/** What is wrong with the tags that name the subject; empty when they agree. Events that are no assertions have none. */
export function subjectFaults(event: UnsignedEvent): Fault[] {
  switch (event.kind) {
    case KIND.aboutIdentifier:
      return [...addressFaults(event), ...identifierFaults(event)];
    case KIND.aboutAddress:
      return [...addressFaults(event), ...repeatFaults(event, "a", 4), ...namedAddressFaults(event)];
    case KIND.aboutKey:
      return [...addressFaults(event), ...repeatFaults(event, "p", 5), ...keyFaults(event)];
    default:
      return [];
  }
}

/** Rule 2: relays keep one event per `d`, and some look at the first tag only. */
function addressFaults(event: UnsignedEvent): Fault[] {
  const count = event.tags.filter(([name]) => name === "d").length;
  if (count !== 1 || event.tags[0]?.[0] !== "d")
    return [{ rule: 2, message: "needs exactly one d tag, in first place" }];
  const bytes = new TextEncoder().encode(tagValue(event, "d")).length;
  if (bytes === 0 || bytes > MAX_TAG_BYTES)
    return [{ rule: 2, message: `d has ${bytes} bytes, allowed are 1 to ${MAX_TAG_BYTES}` }];
  return [];
}

/** The tag by which clients search must say the same as `d`. */
function repeatFaults(event: UnsignedEvent, name: string, rule: number): Fault[] {
  const values = event.tags.filter((tag) => tag[0] === name);
  if (values.length === 1 && values[0]?.[1] === tagValue(event, "d")) return [];
  return [{ rule, message: `needs exactly one ${name} tag with the value of d` }];
}

function identifierFaults(event: UnsignedEvent): Fault[] {
  const faults = repeatFaults(event, "i", 3);
  const identifier = tagValue(event, "d") ?? "";
  const types = event.tags.filter(([name]) => name === "k");
  const type = types[0]?.[1];
  if (types.length !== 1) faults.push({ rule: 3, message: "needs exactly one k tag" });

  if (identifier.startsWith("lightning:")) {
    const node = parseNodeIdentifier(identifier);
    if (type !== NODE_TYPE) faults.push({ rule: 3, message: `k must be ${NODE_TYPE} for this identifier` });
    if (!node || !isNodeKey(node.nodeKey))
      faults.push({ rule: 10, message: "the identifier names no node key on the curve" });
  } else {
    if (type !== URL_TYPE) faults.push({ rule: 3, message: `k must be ${URL_TYPE} for this identifier` });
    const url = normalizeUrl(identifier);
    if (url !== identifier)
      faults.push({ rule: 9, message: `the URL is not in its one spelling${url ? `: ${url}` : ""}` });
  }
  return faults;
}

function namedAddressFaults(event: UnsignedEvent): Fault[] {
  const [, kind, name] = /^(\d{5}):[0-9a-f]{64}:(.+)$/.exec(tagValue(event, "d") ?? "") ?? [];
  if (name !== undefined && Number(kind) >= 30_000 && Number(kind) <= 39_999) return [];
  return [{ rule: 4, message: "d must be kind:pubkey:d of an addressable event" }];
}

function keyFaults(event: UnsignedEvent): Fault[] {
  return isHex(tagValue(event, "d"), 64) ? [] : [{ rule: 5, message: "d must be 64 lower-case hex digits" }];
}
