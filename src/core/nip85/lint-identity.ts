/** The last look before signing what a key says about itself (kinds 0 and 10002): free text, so other rules than assertions have. */
import { utf8 } from "../bytes.ts";
import type { UnsignedEvent } from "./event.ts";
import { KIND } from "./kinds.ts";
import { type LintContext, timeFaults } from "./lint.ts";
import type { Fault } from "./subject-faults.ts";

const MAX_PROFILE_BYTES = 4_096;
const MAX_RELAYS = 4;
/** Control characters other than the seven that NIP-01 escapes, and halves of surrogate pairs: ids would differ by language. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const AMBIGUOUS = /[\u0000-\u0007\u000b\u000e-\u001f\u007f]|\p{Surrogate}/u;

/** Every rule the event breaks; an empty list is the permission to sign. */
export function lintIdentity(event: UnsignedEvent, context: Omit<LintContext, "kinds">): Fault[] {
  const faults =
    event.pubkey === context.pubkey ? [] : [{ rule: 1, message: "the author is not the key that would sign" }];
  const texts = [event.content, ...event.tags.flat()];
  if (texts.some((text) => AMBIGUOUS.test(text)))
    faults.push({ rule: 8, message: "holds characters that languages serialise differently" });
  return [...faults, ...contentFaults(event), ...timeFaults(event, context)];
}

function contentFaults(event: UnsignedEvent): Fault[] {
  if (event.kind === KIND.profile) return profileFaults(event);
  if (event.kind === KIND.relayList) return relayListFaults(event);
  return [{ rule: 1, message: `kind ${event.kind} is not an identity event` }];
}

function profileFaults(event: UnsignedEvent): Fault[] {
  if (utf8(event.content).length > MAX_PROFILE_BYTES)
    return [{ rule: 15, message: `a profile has at most ${MAX_PROFILE_BYTES} bytes` }];
  const fields = parseObject(event.content);
  const named = typeof fields?.["name"] === "string" && fields["name"] !== "" && typeof fields["about"] === "string";
  return named ? [] : [{ rule: 12, message: "a profile is a JSON object with name and about" }];
}

function relayListFaults(event: UnsignedEvent): Fault[] {
  const faults: Fault[] = [];
  if (event.content !== "") faults.push({ rule: 12, message: "content must be empty" });
  if (event.tags.length === 0 || event.tags.length > MAX_RELAYS)
    faults.push({ rule: 15, message: `name 1 to ${MAX_RELAYS} relays` });
  for (const [name, url = "", marker] of event.tags) {
    const known = marker === undefined || marker === "read" || marker === "write";
    if (name !== "r" || !/^wss?:\/\/[^\s]+$/.test(url) || !known)
      faults.push({ rule: 9, message: `${url} is not a relay` });
  }
  return faults;
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
