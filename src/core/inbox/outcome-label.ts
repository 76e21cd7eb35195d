/**
 * What became of a call of a paid API, as a label on Nostr. Source: NIP-32 (kind 1985): the namespace is a reverse domain name that
 * ends in `.l402-outcome`, the label one of {@link OUTCOMES}, and `r` the URL that was called.
 */
import { fromHex } from "../bytes.ts";
import type { CallEnd } from "../endpoint/call.ts";
import { METHODS, type Method, readEndpointUrl } from "../endpoint/endpoint.ts";
import type { SignedEvent } from "../nip85/event.ts";
import { FOREIGN_KIND } from "../nip85/kinds.ts";
import { type UnixSeconds, unixSeconds } from "../units.ts";

/** Where a call with each label ended: every stage before went well. */
export const OUTCOMES: Readonly<Record<string, CallEnd>> = {
  "no-challenge": { stage: "challenge", good: false, code: "REPORTED" },
  "challenge-ok": { stage: "challenge", good: true, code: "REPORTED" },
  "invoice-wrong": { stage: "invoice", good: false, code: "REPORTED" },
  "payment-failed": { stage: "payment", good: false, code: "REPORTED" },
  "paid-error": { stage: "delivery", good: false, code: "REPORTED" },
  "paid-no-content": { stage: "delivery", good: false, code: "NO_CONTENT" },
  "paid-wrong-content": { stage: "quality", good: false, code: "REPORTED" },
  "paid-ok": { stage: "quality", good: true, code: "REPORTED" },
};

const NAMESPACE = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+l402-outcome$/;
const MAX_NAMESPACE = 253;
const MAX_LATENCY_MS = 86_400_000;

/** A report as the label tells it. `witness` is the key that signed the label. */
export type LabelledCall = {
  readonly endpoint: string;
  readonly method: Method;
  readonly told: CallEnd & { readonly at: UnixSeconds };
  readonly witness: string;
  readonly latencyMs?: number;
  readonly proof?: { readonly invoice: string; readonly preimage: Uint8Array };
};

/** Whether a text can be a namespace of such labels. */
export function isOutcomeNamespace(text: string): boolean {
  return text.length <= MAX_NAMESPACE && NAMESPACE.test(text);
}

/** The namespace of whoever answers under an origin: `https://api.example.com` has `com.example.api.l402-outcome`. */
export function outcomeNamespace(origin: string): string {
  return [...new URL(origin).hostname.split(".").reverse(), "l402-outcome"].join(".");
}

/**
 * The call that a label of one of the namespaces tells of; undefined when it is none, or says it in two ways. It was made when the
 * label was. Tags of ours beside NIP-32's: `method` (default GET), `latency_ms`, and `bolt11` with `preimage`, which prove a payment.
 */
export function readOutcomeLabel(event: SignedEvent, namespaces: readonly string[]): LabelledCall | undefined {
  const values = (name: string) => event.tags.filter(([tag]) => tag === name).map((tag) => tag.slice(1));
  const labels = values("l").filter(([, namespace = ""]) => namespaces.includes(namespace));
  const [url, method] = [values("r"), values("method")];
  const isDeclared = labels.length === 1 && values("L").some(([namespace]) => namespace === labels[0]![1]);
  const end = isDeclared ? member(OUTCOMES, labels[0]![0]) : undefined;
  if (event.kind !== FOREIGN_KIND.label || !end || url.length !== 1 || method.length > 1) return undefined;
  const endpoint = readEndpointUrl(url[0]![0] ?? "");
  const verb = METHODS.find((name) => name === (method[0]?.[0] ?? "GET").toUpperCase());
  const proof = readProof(values("bolt11"), values("preimage"));
  const latencyMs = readLatency(values("latency_ms"));
  if (typeof endpoint === "string" || !verb || proof === "half") return undefined;
  return {
    endpoint: endpoint.id,
    method: verb,
    told: { ...end, at: unixSeconds(event.created_at) },
    witness: event.pubkey,
    ...(latencyMs !== undefined && { latencyMs }),
    ...(proof && { proof }),
  };
}

/** Half of a proof is a mistake that its author should see in nothing being counted, rather than in little. */
function readProof(invoices: string[][], preimages: string[][]): LabelledCall["proof"] | "half" {
  if (invoices.length === 0 && preimages.length === 0) return undefined;
  const [[invoice = ""] = [], [secret = ""] = []] = [invoices[0], preimages[0]];
  const preimage = /^[0-9a-f]{64}$/.test(secret) ? fromHex(secret) : undefined;
  const isWhole = invoices.length === 1 && preimages.length === 1;
  return isWhole && invoice !== "" && preimage ? { invoice, preimage } : "half";
}

function readLatency(given: string[][]): number | undefined {
  const text = given.length === 1 ? (given[0]![0] ?? "") : "";
  return /^(?:0|[1-9]\d{0,7})$/.test(text) && Number(text) <= MAX_LATENCY_MS ? Number(text) : undefined;
}

function member(outcomes: Readonly<Record<string, CallEnd>>, name: string | undefined): CallEnd | undefined {
  return name !== undefined && Object.hasOwn(outcomes, name) ? outcomes[name] : undefined;
}
