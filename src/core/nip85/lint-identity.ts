/** The last look before signing what a key says about itself or about other keys: free text, so other rules than assertions have. */
import type { UnsignedEvent } from "./event.ts";
import { identityFaults } from "./identity-faults.ts";
import { type LintContext, timeFaults } from "./lint.ts";
import type { Fault } from "./subject-faults.ts";

/** Control characters other than the seven that NIP-01 escapes, and halves of surrogate pairs: ids would differ by language. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const AMBIGUOUS = /[\u0000-\u0007\u000b\u000e-\u001f\u007f]|\p{Surrogate}/u;

/** Every rule the event breaks; an empty list is the permission to sign. Kinds 0, 62, 10002, 10040, 30078 and 31990. */
export function lintIdentity(event: UnsignedEvent, context: LintContext): Fault[] {
  const faults: Fault[] = [];
  if (event.pubkey !== context.pubkey) faults.push({ rule: 1, message: "the author is not the key that would sign" });
  if (!context.kinds.includes(event.kind))
    faults.push({ rule: 1, message: `this key does not sign kind ${event.kind}` });
  const texts = [event.content, ...event.tags.flat()];
  if (texts.some((text) => AMBIGUOUS.test(text)))
    faults.push({ rule: 8, message: "holds characters that languages serialise differently" });
  return [...faults, ...identityFaults(event), ...timeFaults(event, context)];
}
