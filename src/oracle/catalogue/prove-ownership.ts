/** Asks a host whom it names as its operator. What the claimer says is not asked. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import { keyOfChallenges, keyOfFile, originOf, PROOF_PATH } from "../../core/endpoint/ownership.ts";

/** One request to somebody outside; a redirect is not followed. The guarded client provides it. */
export type ProofPorts = {
  ask(request: {
    url: string;
    method: string;
    headers: Record<string, string>;
    body?: string;
    signal: AbortSignal;
    limits: { maxBodyBytes: number; timeoutMs: number };
  }): Promise<
    | { ok: true; answer: { status: number; headers: readonly (readonly [string, string])[]; body: Uint8Array } }
    | { ok: false; failure: { kind: string } }
  >;
};

/**
 * `named`: the host names this key, by a file for all of its origin or by a challenge for the one URL (`subject`). `silent`: it was asked
 * and names none. `unasked`: it could not be asked, which says nothing.
 */
export type Ownership =
  | { kind: "named"; operator: string; proof: "file" | "challenge"; subject: string }
  | { kind: "silent" }
  | { kind: "unasked"; why: string };

const FILE_LIMITS = { maxBodyBytes: 4_096, timeoutMs: 5_000 };
const CHALLENGE_LIMITS = { maxBodyBytes: 65_536, timeoutMs: 5_000 };

export async function proveOwnership(
  ports: ProofPorts,
  endpoint: { url: string; method: Method },
  signal: AbortSignal,
): Promise<Ownership> {
  const origin = originOf(endpoint.url);
  const headers = { Accept: "text/plain" };
  const file = await ports.ask({ url: `${origin}${PROOF_PATH}`, method: "GET", headers, signal, limits: FILE_LIMITS });
  const fromFile =
    file.ok && file.answer.status === 200 ? keyOfFile(new TextDecoder().decode(file.answer.body)) : undefined;
  if (fromFile !== undefined) return { kind: "named", operator: fromFile, proof: "file", subject: origin };

  const challenge = await askForChallenge(ports, endpoint, signal);
  const lines = challenge.ok && challenge.answer.status === 402 ? headerLines(challenge.answer.headers) : [];
  const fromChallenge = keyOfChallenges(lines);
  if (fromChallenge !== undefined)
    return { kind: "named", operator: fromChallenge, proof: "challenge", subject: endpoint.url };
  if (file.ok && file.answer.status < 500) return { kind: "silent" };
  return { kind: "unasked", why: file.ok ? `status ${file.answer.status}` : file.failure.kind };
}

/** The endpoint as anybody calls it who has not paid. */
function askForChallenge(ports: ProofPorts, { url, method }: { url: string; method: Method }, signal: AbortSignal) {
  const hasBody = method !== "GET" && method !== "DELETE";
  return ports.ask({
    url,
    method,
    headers: { Accept: "application/json", ...(hasBody && { "Content-Type": "application/json" }) },
    ...(hasBody && { body: "{}" }),
    signal,
    limits: CHALLENGE_LIMITS,
  });
}

function headerLines(headers: readonly (readonly [string, string])[]): string[] {
  return headers.filter(([name]) => name.toLowerCase() === "www-authenticate").map(([, value]) => value);
}
