/** What a relay's answer to one event means, and what to do next. Source: the OK prefixes of NIP-01 and NIP-42. */

/**
 * - `acked`: the relay says it took the event; believed after it was read back.
 * - `duplicate`: the relay says it has the event, or one like it; read back before believing.
 * - `outdated`: the relay says that it has something newer at this address, or a deletion of it: a version signed now would count.
 * - `work`: an event with so many leading zero bits would be taken; undefined when it does not say how many.
 * - `refused-for-good`: this event will never be taken, or this relay takes nothing of ours until `pauseSec` is over.
 * - `retry`: not taken now; `pauseSec`, when given, is the least time to wait.
 * - `unknown`: no answer that names the event. It may or may not be stored: read back, then send again.
 */
export type RelayAnswer =
  | { outcome: "acked"; text: string }
  | { outcome: "duplicate"; text: string }
  | { outcome: "outdated"; text: string }
  | { outcome: "work"; text: string; bits: number | undefined }
  | { outcome: "refused-for-good"; text: string; pauseSec?: number }
  | { outcome: "retry"; text: string; pauseSec?: number }
  | { outcome: "unknown"; text: string };

export type RelayOutcome = RelayAnswer["outcome"];

const DAY_SEC = 86_400;
const MAX_TEXT_CHARACTERS = 200;
/** An id has so many bits; what a relay writes beyond is not a number of them. */
const MAX_BITS = 256;

type Refusal = { outcome: "duplicate" | "outdated" | "refused-for-good" | "retry"; pauseSec?: number };

/** What a refusal with this prefix means. `mute` says of a stored event that nobody will see it. */
const REFUSALS: Record<string, Refusal> = {
  duplicate: { outcome: "duplicate" },
  "rate-limited": { outcome: "retry", pauseSec: 60 },
  error: { outcome: "retry" },
  invalid: { outcome: "refused-for-good" },
  replaced: { outcome: "outdated" },
  deleted: { outcome: "outdated" },
  blocked: { outcome: "refused-for-good", pauseSec: DAY_SEC },
  restricted: { outcome: "refused-for-good", pauseSec: DAY_SEC },
  "auth-required": { outcome: "refused-for-good", pauseSec: DAY_SEC },
  "payment-required": { outcome: "refused-for-good", pauseSec: DAY_SEC },
  mute: { outcome: "refused-for-good", pauseSec: DAY_SEC },
};

/** Reads `["OK", id, accepted, message]`. A refusal in words we do not know is tried again later: it is not proof of anything. */
export function readOk(accepted: boolean, message: string): RelayAnswer {
  const text = printable(message);
  const prefix = /^([a-z-]+):/.exec(text)?.[1] ?? "";
  if (accepted) return { outcome: prefix === "duplicate" ? "duplicate" : "acked", text };
  if (prefix === "pow") return { outcome: "work", text, bits: bitsIn(text) };
  return { ...(Object.hasOwn(REFUSALS, prefix) ? REFUSALS[prefix]! : { outcome: "retry" }), text };
}

/** Whether the relay asks us to send less, whatever the event. */
export function asksToSlowDown(answer: RelayAnswer): boolean {
  return answer.outcome === "retry" && answer.text.startsWith("rate-limited:");
}

/** Whether the relay asks who we are (NIP-42). */
export function asksToSignIn(answer: RelayAnswer): boolean {
  return answer.outcome === "refused-for-good" && answer.text.startsWith("auth-required:");
}

/** Whether the event itself is wrong: no other relay will take it either, and somebody should look. */
export function isOurFault(answer: RelayAnswer): boolean {
  return answer.outcome === "refused-for-good" && answer.text.startsWith("invalid:");
}

/** What strangers send is stored and logged: one short line without control characters. */
export function printable(text: string): string {
  return text.slice(0, MAX_TEXT_CHARACTERS).replace(/[^\x20-\x7e]/g, "?");
}

/** Relays say "28 bits needed" or "difficulty 18<20": of the numbers they write, the largest is what they want. */
function bitsIn(text: string): number | undefined {
  const numbers = [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits)).filter((bits) => bits <= MAX_BITS);
  return numbers.length > 0 ? Math.max(...numbers) : undefined;
}
