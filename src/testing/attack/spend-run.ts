/**
 * Payers that are killed all the time, on one budget and one node that is killed too. Every invoice is handed to any of them, some to
 * several at once, and to others again when its payer dies. At the end the books, the node and the budget are judged.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { now as machineNow } from "../../apps/clock.ts";
import { type SimulatedLightning, startSimulatedLightning } from "../../apps/demo/lnd/start.ts";
import { CLOCK_MARGIN_SEC } from "../../core/spend/judge-sighting.ts";
import type { PaymentLimits } from "../../core/spend/policy.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { compiled } from "../compiled.ts";
import type { Random } from "../fuzz/random.ts";
import { type Issued, issueInvoices } from "./spend-invoices.ts";
import { judgeSpending, type SpendVerdict } from "./spend-judge.ts";
import type { BeginSpending, ToPayer, ToSpendDriver } from "./spend-protocol.ts";

const CHILD = compiled(new URL(`./spend-child${extname(import.meta.url)}`, import.meta.url));

export type SpendAttack = {
  databaseUrl: string;
  payments: number;
  payers: number;
  inFlight: number;
  random: Random;
  /** A payer is killed, or the node, after at most so many answers of payers: on a slow machine as often as on a fast one. */
  blowAfter: number;
  windowSec: number;
  /** When it is over at the latest; what was not paid by then waits for ever. */
  longestMs: number;
  report(line: string): void;
};

export type SpendResult = SpendVerdict & {
  kills: number;
  nodeKills: number;
  resolved: number;
  refusedForBudget: number;
};

/** Some seven of the payments fit into a window, and four of one subject. */
const LIMITS: PaymentLimits = {
  mode: "auto",
  perPaymentMsat: msat(100_000n),
  per24hMsat: msat(400_000n),
  perSubject24hMsat: msat(250_000n),
  approveAboveMsat: msat(100_000n),
  maxFeeMsat: msat(20_000n),
};
const INVOICE_SEC = 3_600;
/** Blows in a row, between which payments were refused for the budget and none has ended, after which no more is waited for. */
const MAX_QUIET = 12;
const LONGEST_PAUSE_MS = 5_000;
const ENDED = new Set(["succeeded", "failed"]);

export async function runSpendAttack(attack: SpendAttack): Promise<SpendResult> {
  const { random, windowSec, report } = attack;
  const dataDir = mkdtempSync(join(tmpdir(), "satrank-spend-"));
  const clock = { ahead: 0 };
  const now = () => unixSeconds(machineNow() + clock.ahead);
  const lightning = await startSimulatedLightning({ dataDir, seed: "spend", now });
  const { oracle } = lightning;
  const begin: BeginSpending = {
    kind: "begin",
    databaseUrl: attack.databaseUrl,
    host: oracle.host,
    tlsCertPath: oracle.tlsCertPath,
    payMacaroonPath: oracle.macaroonPaths.pay,
    readonlyMacaroonPath: oracle.macaroonPaths.readonly,
    limits: LIMITS,
    windowSec,
    resolveMs: 300,
  };
  const issued = await issueInvoices(lightning, { count: attack.payments, expirySec: INVOICE_SEC, random });
  const driver = new Driver(attack, begin, issued);
  try {
    await driver.run(lightning);
    driver.end();
    report("every invoice was paid, refused or lost sight of; the node's clock moves beyond their ends");
    // What was lost on its way stays open until its invoice has ended, which here is at once.
    clock.ahead = INVOICE_SEC + CLOCK_MARGIN_SEC;
    const verdict = await judgeSpending({ ...attack, begin, issued, limits: LIMITS, lightning, now });
    return { ...verdict, ...driver.counts, violations: [...verdict.violations, ...driver.failures] };
  } finally {
    driver.end();
    await lightning.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

class Driver {
  readonly counts = { kills: 0, nodeKills: 0, resolved: 0, refusedForBudget: 0 };
  readonly failures: string[] = [];
  readonly #attack: SpendAttack;
  readonly #begin: BeginSpending;
  readonly #issued: Issued[];
  readonly #children = new Map<ChildProcess, Set<number>>();
  readonly #queue: number[];
  readonly #ended = new Set<number>();
  #answers = 0;
  #ending = false;

  constructor(attack: SpendAttack, begin: BeginSpending, issued: Issued[]) {
    this.#attack = attack;
    this.#begin = begin;
    this.#issued = issued;
    this.#queue = issued.map((_, id) => id);
  }

  /**
   * Until every invoice has an end, or its payment was lost sight of; or until nothing ends any more, because what was lost sight of
   * holds the budget.
   */
  async run({ oracle, htlcs, payer }: SimulatedLightning): Promise<void> {
    const { payers, report, longestMs } = this.#attack;
    const until = performance.now() + longestMs;
    const isOver = () => this.#ended.size === this.#issued.length || performance.now() > until;
    for (let i = 0; i < payers; i++) this.#start();
    let release: (() => void) | undefined;
    let [ended, refused, quiet] = [0, 0, 0];
    for (let blow = 1; !isOver() && quiet < MAX_QUIET; blow++) {
      await this.#pause();
      const isAsking = this.counts.refusedForBudget > refused;
      if (this.#ended.size > ended) quiet = 0;
      else if (isAsking) quiet += 1;
      [ended, refused] = [this.#ended.size, this.counts.refusedForBudget];
      if (blow % 4 === 0) {
        this.counts.nodeKills += 1;
        oracle.control.kill();
        await this.#pause();
        await oracle.control.restart();
      } else if (blow % 4 === 2) {
        // The payee has its money, and the payer's node does not know for a while.
        release ??= htlcs.hold(payer.nodePubkey, "back");
      } else {
        release?.();
        release = undefined;
        this.#kill();
      }
      if (blow % 10 === 0) report(`${this.#ended.size} of ${this.#issued.length}, ${JSON.stringify(this.counts)}`);
    }
    release?.();
  }

  end(): void {
    this.#ending = true;
    for (const child of this.#children.keys()) child.kill("SIGKILL");
  }

  /** Until some more answers were heard, and a moment, so that others are under way; or for long, when nobody answers. */
  async #pause(): Promise<void> {
    const { random, blowAfter } = this.#attack;
    const [enough, until] = [this.#answers + 1 + random.below(blowAfter), performance.now() + LONGEST_PAUSE_MS];
    const moment = () => new Promise((resolve) => setTimeout(resolve, 5 + random.below(40)));
    do await moment();
    while (this.#answers < enough && performance.now() < until);
  }

  #start(): void {
    const child = fork(CHILD, {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const busy = new Set<number>();
    this.#children.set(child, busy);
    child.on("message", (message: ToSpendDriver) => {
      if (message.kind === "ready") {
        send(child, this.#begin);
        for (let i = 0; i < this.#attack.inFlight; i++) this.#feed(child);
      } else if (message.kind === "done") this.#hear(child, message.id, message.word);
      else if (message.kind === "resolved") this.counts.resolved += message.count;
      else this.failures.push(message.line);
    });
    child.once("exit", () => {
      this.#children.delete(child);
      this.#queue.push(...busy);
      if (!this.#ending) this.#start();
    });
  }

  /** One that has something to lose: whoever is still loading has not begun. */
  #kill(): void {
    const victims = [...this.#children].filter(([, busy]) => busy.size > 0);
    if (victims.length === 0) return;
    this.counts.kills += 1;
    this.#attack.random.pick(victims)[0].kill("SIGKILL");
  }

  #feed(child: ChildProcess): void {
    if (this.#ending || !this.#children.has(child)) return;
    const id = this.#queue.shift();
    if (id === undefined) {
      setTimeout(() => this.#feed(child), 100);
      return;
    }
    this.#children.get(child)?.add(id);
    const { invoice, subject } = this.#issued[id]!;
    send(child, { kind: "pay", id, invoice, subject });
    // Some are handed to everybody at once.
    if (this.#attack.random.below(4) !== 0) return;
    for (const [other, busy] of this.#children) {
      if (other !== child && busy.size > 0) send(other, { kind: "pay", id, invoice, subject });
    }
  }

  #hear(child: ChildProcess, id: number, word: string): void {
    this.#answers += 1;
    const wasAsked = this.#children.get(child)?.delete(id) ?? false;
    if (word.startsWith("over-")) this.counts.refusedForBudget += 1;
    if (ENDED.has(word) || word === "unknown" || word === "superseded") this.#ended.add(id);
    else if (!this.#ended.has(id) && wasAsked) this.#queue.push(id);
    if (wasAsked) setTimeout(() => this.#feed(child), 20);
  }
}

/** To a child that is gone nothing is told. */
function send(child: ChildProcess, message: ToPayer): void {
  if (child.connected) child.send(message, () => undefined);
}
