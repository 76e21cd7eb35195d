/** What a relay's answer to one event means, and what to do next. Source: the OK prefixes of NIP-01 and NIP-42. */

/**
 * - `acked`: the relay says it took the event; believed after it was read back.
 * - `duplicate`: the relay says it has the event, or one like it; read back before believing.
 * - `refused-for-good`: this event will never be taken, or this relay takes nothing of ours until `pauseSec` is over.
 * - `retry`: not taken now; `pauseSec`, when given, is the least time to wait.
 * - `unknown`: no answer that names the event. It may or may not be stored: read back, then send again.
 */
export type RelayAnswer =
  | { outcome: "acked"; text: string }
  | { outcome: "duplicate"; text: string }
  | { outcome: "refused-for-good"; text: string; pauseSec?: number }
  | { outcome: "retry"; text: string; pauseSec?: number }
  | { outcome: "unknown"; text: string };

export type RelayOutcome = RelayAnswer["outcome"];

const DAY_SEC = 86_400;
const MAX_TEXT_CHARACTERS = 200;

/** What a refusal with this prefix means. */
const REFUSALS: Record<string, { outcome: "duplicate" | "refused-for-good" | "retry"; pauseSec?: number }> = {
  duplicate: { outcome: "duplicate" },
  "rate-limited": { outcome: "retry", pauseSec: 60 },
  error: { outcome: "retry" },
  invalid: { outcome: "refused-for-good" },
  replaced: { outcome: "refused-for-good" },
  deleted: { outcome: "refused-for-good" },
  pow: { outcome: "refused-for-good", pauseSec: DAY_SEC },
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
  return { ...(Object.hasOwn(REFUSALS, prefix) ? REFUSALS[prefix]! : { outcome: "retry" }), text };
}

/** Whether the relay asks us to send less, whatever the event. */
export function asksToSlowDown(answer: RelayAnswer): boolean {
  return answer.outcome === "retry" && answer.text.startsWith("rate-limited:");
}

/** What strangers send is stored and logged: one short line without control characters. */
export function printable(text: string): string {
  return text.slice(0, MAX_TEXT_CHARACTERS).replace(/[^\x20-\x7e]/g, "?");
}
