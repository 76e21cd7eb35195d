/**
 * The one way out: every request to a host that this program did not choose itself goes through here. Each hop is vetted by
 * its text, by its addresses, and by whom the connection turned out to lead to. No proxy of the environment, no cookie, no
 * referrer, no connection that is used twice.
 */
import { setMaxListeners } from "node:events";
import type { Socket } from "node:net";
import type { AskOutside, OutsideAnswer, OutsideHead, OutsideLimits, OutsideRequest } from "../../core/egress.ts";
import { ACCEPT_ENCODING, decodeBody } from "./decode-body.ts";
import { dial } from "./dial.ts";
import { dialOnion, type SocksProxy } from "./dial-onion.ts";
import { exchange } from "./exchange.ts";
import { Fault, within } from "./fault.ts";
import { followRedirect } from "./redirect.ts";
import { checkRequest } from "./request.ts";
import { secure } from "./secure.ts";
import { readTarget, type Target } from "./target.ts";
import { checkPort, type VetRules, vetTarget } from "./vet.ts";

export type EgressOptions = {
  /** Ports that may be asked. */
  ports?: readonly number[] | undefined;
  /** Onion services are asked through it, and nobody else is. Without it they are refused. */
  socksProxy?: SocksProxy | undefined;
  /** Resolvers to ask instead of the system's, `address:port`. */
  dnsServers?: readonly string[] | undefined;
  /**
   * Exact `address:port` pairs that may be dialled although they are not public, e.g. `127.0.0.1:4021`. For tests and for the
   * embedded demo, whose services live on this machine: given in code, never by a setting.
   */
  allow?: readonly string[] | undefined;
  /** PEM certificates to trust besides the built-in ones. For tests. */
  authorities?: readonly string[] | undefined;
};

export type GuardedClient = {
  fetch: AskOutside;
  /** Cancels what is under way, and whatever is asked later. */
  close(): void;
};

const DEFAULT_PORTS = [80, 443, 8_080, 8_443] as const;
const DEFAULT_LIMITS: OutsideLimits = {
  timeoutMs: 10_000,
  connectMs: 5_000,
  maxBodyBytes: 1_048_576,
  maxHeaderBytes: 32_768,
  maxRedirects: 0,
};

/** What a request has come to, for those who look at it from outside: its deadline, and its failure. */
type Progress = {
  begunMs: number;
  doing: "connecting" | "waiting for the answer" | "reading the answer";
  head?: OutsideHead;
};
type Rules = VetRules & { socksProxy: SocksProxy | undefined; authorities: readonly string[] };
type Errand = { rules: Rules; request: OutsideRequest; limits: OutsideLimits; progress: Progress };
type Question = Pick<OutsideRequest, "url" | "method" | "headers" | "body">;
type Hop = { head: OutsideHead; body: Uint8Array } | { next: Question };

/** Opens nothing yet: connections begin with a request and end with it. */
export function openGuardedClient(options: EgressOptions = {}): GuardedClient {
  const closing = new AbortController();
  const { ports = DEFAULT_PORTS, allow = [], dnsServers, socksProxy, authorities = [] } = options;
  const rules: Rules = { ports, allow: new Set(allow), dnsServers, socksProxy, authorities };
  return {
    async fetch(request) {
      const limits = { ...DEFAULT_LIMITS, ...request.limits };
      const progress: Progress = { begunMs: performance.now(), doing: "connecting" };
      const outer = [request.signal, closing.signal];
      // A worker gives one signal to all it asks: that many listeners are no leak.
      setMaxListeners(0, ...outer);
      try {
        const answer = await within({ ms: limits.timeoutMs, late: () => late(progress), outer }, (signal) =>
          askUntilLast({ rules, request, limits, progress }, signal),
        );
        return { ok: true, answer };
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const { head } = progress;
        return { ok: false, failure: head ? { ...error.failure, head } : error.failure };
      }
    },
    close: () => closing.abort(),
  };
}

function late({ doing }: Progress): Fault {
  return new Fault("timeout", doing === "connecting" ? "unknown" : "theirs", `while ${doing}`);
}

/** Follows redirects as far as the limits allow. @throws Fault */
async function askUntilLast(errand: Errand, signal: AbortSignal): Promise<OutsideAnswer> {
  const { request, limits, progress } = errand;
  let question: Question = request;
  for (let redirects = 0; ; redirects++) {
    const hop = await askOnce(errand, question, redirects, signal);
    if ("body" in hop) return { ...hop.head, body: hop.body, totalMs: performance.now() - progress.begunMs };
    if (redirects === limits.maxRedirects) throw new Fault("too-many-redirects", "unknown", `more than ${redirects}`);
    question = hop.next;
  }
}

/** One hop: vetted, connected, asked, closed. @throws Fault */
async function askOnce(errand: Errand, question: Question, redirects: number, signal: AbortSignal): Promise<Hop> {
  const { rules, limits, progress } = errand;
  checkRequest(question);
  const target = readTarget(question.url);
  progress.doing = "connecting";
  const socket = await within({ ms: limits.connectMs, late: () => late(progress), outer: [signal] }, (connecting) =>
    connect(target, rules, limits, connecting),
  );
  progress.doing = "waiting for the answer";
  let next: Question | undefined;
  let head: OutsideHead | undefined;
  const { method, headers, body } = question;
  const hasEncoding = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === "accept-encoding");
  const sent = hasEncoding ? { ...headers } : { ...headers, "accept-encoding": ACCEPT_ENCODING };
  const wire = await exchange(socket, { url: target.url, method, headers: sent, body }, limits, signal, (got) => {
    progress.doing = "reading the answer";
    if (limits.maxRedirects > 0) next = followRedirect({ ...question, url: target.url.href }, got);
    if (next) return "stop";
    head = { ...got, url: target.url.href, redirects, firstByteMs: performance.now() - progress.begunMs };
    progress.head = head;
    return "read";
  });
  if (next) return { next };
  if (!head) throw new Fault("protocol", "theirs", "an answer without a head");
  return { head, body: await decodeBody(head.headers, wire, limits.maxBodyBytes) };
}

/** A connection that a request may be sent over. @throws Fault */
async function connect(target: Target, rules: Rules, limits: OutsideLimits, signal: AbortSignal): Promise<Socket> {
  const { host, port } = target;
  const socket =
    target.kind === "onion"
      ? await connectOnion(target, rules, limits, signal)
      : await dial(await vetTarget(target, rules, signal), port, signal);
  if (target.url.protocol === "http:") return socket;
  return secure(socket, host, rules.authorities, signal);
}

async function connectOnion(target: Target, rules: Rules, limits: OutsideLimits, signal: AbortSignal): Promise<Socket> {
  const { host, port } = target;
  checkPort(port, rules);
  if (!rules.socksProxy) throw new Fault("address-refused", "ours", "an onion service, and no proxy to reach it");
  return dialOnion(rules.socksProxy, { host, port, ms: limits.connectMs }, signal);
}
