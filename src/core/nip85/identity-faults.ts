/** What is wrong with an event by which a key speaks of keys: the form that each kind asks for. Numbers as the comments of `lint.ts` count them. */
import { utf8 } from "../bytes.ts";
import { parseUrl } from "../url.ts";
import { isHex, type UnsignedEvent } from "./event.ts";
import { heartbeatFaults } from "./heartbeat-faults.ts";
import { isAssertion, KIND } from "./kinds.ts";
import type { Fault } from "./subject-faults.ts";

const MAX_PROFILE_BYTES = 4_096;
const MAX_RELAYS = 4;
const MAX_PROVIDERS = 100;
const NIP05 = /^[a-z0-9._-]+@[^\s@]+$/;
const SLOT = /^(\d{5}):([a-z0-9_]+)$/;
/** In a person's list it could take over the slot by which clients rank people. */
const PEOPLE_SLOT = `${KIND.aboutKey}:rank`;

/** Every fault of the event's own kind; a kind by which no key speaks of keys is one. */
export function identityFaults(event: UnsignedEvent): Fault[] {
  switch (event.kind) {
    case KIND.profile:
      return [...profileFaults(event), ...noTags(event)];
    case KIND.relayList:
      return [...relayListFaults(event), ...noContent(event)];
    case KIND.providers:
      return [...providerFaults(event), ...noContent(event)];
    case KIND.handler:
      return [...handlerFaults(event), ...profileFaults(event)];
    case KIND.heartbeat:
      return [...heartbeatFaults(event), ...noContent(event)];
    case KIND.vanish:
      return vanishFaults(event);
    default:
      return [{ rule: 1, message: `kind ${event.kind} says nothing about keys` }];
  }
}

function profileFaults(event: UnsignedEvent): Fault[] {
  if (utf8(event.content).length > MAX_PROFILE_BYTES)
    return [{ rule: 15, message: `a profile has at most ${MAX_PROFILE_BYTES} bytes` }];
  const { name, about, nip05 } = parseObject(event.content) ?? {};
  if (typeof name !== "string" || name === "" || typeof about !== "string")
    return [{ rule: 12, message: "a profile is a JSON object with name and about" }];
  const named = nip05 === undefined || (typeof nip05 === "string" && NIP05.test(nip05));
  return named ? [] : [{ rule: 12, message: "nip05 must be name@host" }];
}

function relayListFaults(event: UnsignedEvent): Fault[] {
  const faults: Fault[] = [];
  if (event.tags.length === 0 || event.tags.length > MAX_RELAYS)
    faults.push({ rule: 15, message: `name 1 to ${MAX_RELAYS} relays` });
  for (const [name, url = "", marker] of event.tags) {
    const known = marker === undefined || marker === "read" || marker === "write";
    if (name !== "r" || !isRelay(url) || !known) faults.push({ rule: 9, message: `${url} is not a relay` });
  }
  return faults;
}

/** Clients drop entries of another form without a word (Amethyst: no relay, no entry). */
function providerFaults(event: UnsignedEvent): Fault[] {
  const faults: Fault[] = [];
  if (event.tags.length === 0 || event.tags.length > MAX_PROVIDERS)
    faults.push({ rule: 15, message: `name 1 to ${MAX_PROVIDERS} providers` });
  const entries = new Set(event.tags.map(([slot, pubkey]) => `${slot} ${pubkey}`));
  if (entries.size < event.tags.length) faults.push({ rule: 7, message: "an entry occurs more than once" });
  for (const tag of event.tags) {
    const [slot = "", pubkey, relay = ""] = tag;
    const kind = Number(SLOT.exec(slot)?.[1]);
    const holds = tag.length === 3 && isAssertion(kind) && isHex(pubkey, 64) && isRelay(relay);
    if (!holds) faults.push({ rule: 5, message: `${slot} does not name a kind and tag, a key and a relay` });
    if (slot === PEOPLE_SLOT) faults.push({ rule: 16, message: `${slot} would rank people` });
  }
  return faults;
}

function handlerFaults(event: UnsignedEvent): Fault[] {
  const faults: Fault[] = [];
  const [first, ...rest] = event.tags;
  if (first?.[0] !== "d" || !first[1] || rest.some(([name]) => name === "d"))
    faults.push({ rule: 2, message: "needs exactly one d tag, in first place" });
  if (!rest.some(([name]) => name === "k")) faults.push({ rule: 3, message: "names no kind" });
  for (const [name, value = "", entity] of rest) {
    if (name === "k" ? isAssertion(Number(value)) : name === "web" && isHandlerUrl(value) && entity === "naddr")
      continue;
    faults.push({ rule: 9, message: `${name} is neither a kind of assertion nor a page that shows one` });
  }
  return faults;
}

function vanishFaults(event: UnsignedEvent): Fault[] {
  const targets = event.tags.filter(
    ([name, value = ""]) => name === "relay" && (value === "ALL_RELAYS" || isRelay(value)),
  );
  if (targets.length > 0 && targets.length === event.tags.length) return [];
  return [{ rule: 17, message: "names no relay, and something else" }];
}

function noContent(event: UnsignedEvent): Fault[] {
  return event.content === "" ? [] : [{ rule: 12, message: "content must be empty" }];
}

function noTags(event: UnsignedEvent): Fault[] {
  return event.tags.length === 0 ? [] : [{ rule: 16, message: "a profile has no tags" }];
}

function isRelay(text: string): boolean {
  const protocol = /\s/.test(text) ? undefined : parseUrl(text)?.protocol;
  return protocol === "ws:" || protocol === "wss:";
}

function isHandlerUrl(text: string): boolean {
  return /^https?:\/\/[^\s<>]+\/<bech32>$/.test(text);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
