/** A client's ways to call an attacked api: once, until it is answered, and with the wallet at hand. Everything is told to the model. */
import { randomBytes } from "node:crypto";
import type { Random } from "../fuzz/random.ts";
import { ask, type Outcome, type Question } from "./ask.ts";
import type { Call, Model } from "./model.ts";
import type { Place, Processes } from "./processes.ts";
import type { Wallet } from "./wallet.ts";

export type Mode = "work" | "fail" | "slow";
export type Answer = Extract<Outcome, { kind: "answer" }>;
type Offer = { code: string; macaroon: string; invoice: string; amountSats: number };

/** Statuses that ask for patience; what they refused was not charged. */
const PASSING = new Set([409, 425, 503, 504]);
const PATIENCE_MS = 1_500;
const STUCK_MS = 60_000;

export type World = { model: Model; wallet: Wallet; processes: Processes; random: Random };
export type CallOptions = { mode?: Mode; authorization?: string; hangUpAfterMs?: number };

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function openClient({ model, wallet, processes, random }: World) {
  let requests = 0;

  /** Someone who listens; seldom one who is stopped, as a load balancer takes a moment to see it. */
  const place = async (): Promise<Place & { port: number }> => {
    for (;;) {
      const open = processes.places.filter(({ port, stopped }) => port !== undefined && (!stopped || random.oneIn(10)));
      if (open.length > 0) return random.pick(open) as Place & { port: number };
      await sleep(10);
    }
  };

  /** One request to anybody. */
  const send = async (question: Question): Promise<Outcome> => {
    const to = await place();
    requests += 1;
    return ask(to, question);
  };

  const note = (call: Call, mode: Mode, answer: Answer): void => {
    model.count(`${answer.status} ${codeOf(answer)}`.trim());
    if (answer.status !== 200) return;
    const cost = String(answer.headers["x-satrank-cost-msat"]);
    if (mode === "fail") model.violate(`a handler that fails answered 200: ${answer.body}`);
    else model.serve(call, answer.body, { cost, replayed: answer.headers["idempotency-replayed"] === "true" });
  };

  /** One priced request, and what follows for the model. */
  const once = async (
    call: Call,
    { mode = "work", authorization, hangUpAfterMs }: CallOptions = {},
  ): Promise<Outcome> => {
    const { account, route, key, child } = call;
    const credential = authorization ?? child?.authorization ?? random.pick(account.authorizations);
    const headers: Record<string, string> = { Authorization: credential };
    if (key !== undefined) headers["Idempotency-Key"] = key;
    const body = route.method === "POST" ? { body: JSON.stringify({ mode }) } : {};
    const patience = hangUpAfterMs ?? (random.oneIn(2) ? PATIENCE_MS : undefined);
    const to = await place();
    const { generation } = to;
    requests += 1;
    const { method, path } = route;
    const outcome = await ask(to, {
      method,
      path,
      headers,
      ...body,
      ...(patience !== undefined && { hangUpAfterMs: patience }),
    });
    if (outcome.kind === "lost") {
      const broken = to.generation !== generation || to.port === undefined || patience === undefined;
      model.lose(call, hangUpAfterMs !== undefined ? "hung-up" : broken ? "broken" : "impatient");
    }
    if (outcome.kind === "answer") note(call, mode, outcome);
    return outcome;
  };

  /** Sends anything again until it is answered by more than a plea for patience. */
  const untilAnswered = async (what: string, attempt: () => Promise<Outcome>): Promise<Answer> => {
    const started = performance.now();
    for (;;) {
      const outcome = await attempt();
      if (outcome.kind === "answer" && !PASSING.has(outcome.status)) return outcome;
      if (performance.now() - started > STUCK_MS) throw new Error(`${what} was not answered in time: ${say(outcome)}`);
      await sleep(20 + random.below(100));
    }
  };

  /** Pays what an exhausted account was offered, and asks again, with the new credential, until that is answered. */
  const topUp = async (call: Call, refusal: Answer, options: CallOptions = {}): Promise<Answer> => {
    const offer = JSON.parse(refusal.body) as Offer;
    const { authorization, hash } = wallet.pay(
      offer,
      BigInt(offer.amountSats) * 1_000n + BigInt(random.below(3_000_000)),
    );
    const credited = model.accountOf(offer.macaroon);
    if (credited !== call.account) model.violate(`account ${call.account.tokenIdHex} was offered another to top up`);
    call.account.authorizations.push(authorization);
    if (call.account.authorizations.length > 20) call.account.authorizations.shift();
    // Who pays stays for the answer.
    const { mode = "work" } = options;
    const answer = await untilAnswered("a top-up", () => once(call, { mode, authorization }));
    wallet.show(hash);
    return answer;
  };

  return {
    requests: () => requests,
    send,
    once,
    untilAnswered,
    topUp,

    /** A call without a key: given up when its connection breaks, repeated while it is told to wait. */
    async callPlainly(call: Call, options: CallOptions = {}): Promise<Outcome> {
      for (;;) {
        const outcome = await once(call, options);
        if (outcome.kind === "lost") return outcome;
        if (outcome.kind === "unsent" || outcome.status === 503 || outcome.status === 425) {
          await sleep(20 + random.below(60));
          continue;
        }
        return isExhausted(outcome) && !call.child ? topUp(call, outcome, options) : outcome;
      }
    },

    /** A call with a key: sent again until it is answered. */
    async callFirmly(call: Call & { key: string }): Promise<Answer> {
      for (;;) {
        let answer = await untilAnswered(`key ${call.key}`, () => once(call));
        if (isExhausted(answer) && !call.child) answer = await topUp(call, answer);
        if (!isExhausted(answer) || call.child) return answer;
      }
    },

    /** An offer for a new account, made to somebody nobody knows. */
    async offer(path: string, body: object | undefined): Promise<Offer> {
      const headers = { "User-Agent": randomBytes(6).toString("hex") };
      const question = body
        ? { method: "POST" as const, path, headers, body: JSON.stringify(body) }
        : { method: "GET" as const, path, headers };
      const answer = await untilAnswered("an offer", () => send(question));
      if (answer.status !== 402) throw new Error(`an offer was ${answer.status}: ${answer.body}`);
      return JSON.parse(answer.body) as Offer;
    },
  };
}

export type Client = ReturnType<typeof openClient>;

export function codeOf({ status, body }: Answer): string {
  return status === 200 ? "" : ((JSON.parse(body) as { code?: string }).code ?? "");
}

/** Refused for want of money, by the account itself. */
export function isExhausted(answer: Answer): boolean {
  return answer.status === 402 && codeOf(answer) === "BALANCE_EXHAUSTED";
}

function say(outcome: Outcome): string {
  return outcome.kind === "answer" ? `${outcome.status} ${codeOf(outcome)}` : outcome.kind;
}
