/** One function per business event: its log line and its counter are defined together, and nowhere else. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { OracleError } from "../core/errors.ts";
import type { PaymentState } from "../core/spend/payment.ts";
import type { Operator, OperatorRefused } from "../oracle/access/admit-operator.ts";
import type { ProbeResult } from "../oracle/probe/send-probe.ts";
import { catalogueEvents } from "./catalogue-events.ts";
import { deliveryEvents } from "./delivery-events.ts";
import { endpointEvents } from "./endpoint-events.ts";
import { inboxEvents } from "./inbox-events.ts";
import { lndEvents } from "./lnd-events.ts";
import type { Logger } from "./log.ts";
import { relayEvents } from "./relay-events.ts";

export type Events = ReturnType<typeof createEvents>;

/** What a reconciliation found, as far as it is told to operators. */
type BooksFound = {
  /** Undefined when not every node could be asked. */
  at: number | undefined;
  differenceMsat: bigint;
  unclaimedMsat: bigint;
  tokensMsat: bigint;
  revenueMsat: bigint;
  findings: readonly string[];
};

type Counted = Readonly<Record<string, number>>;
type GraphCounts = { nodes: number; channels: number };
/** What a reading of the whole graph showed; `first` when there was nothing to compare it with. */
type GraphFound = { missed: Counted; garbage: Counted; first: boolean; counts: GraphCounts };
/** How spending stands, as far as it is told to operators. */
type SpendingFound = {
  spent: bigint;
  held: bigint;
  counts: Readonly<Record<PaymentState, number>>;
  oldestUnknownSec?: number;
};

export function createEvents(log: Logger) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "satrank_" });
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `satrank_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `satrank_${name}`, help, labelNames, registers });

  const requests = new Histogram({
    name: "satrank_http_request_duration_seconds",
    help: "Time from the first byte of a request to the last of its answer",
    labelNames: ["operation", "status"],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers,
  });
  const challenges = counter("challenges_total", "402 answers with a payable challenge", ["operation", "reason"]);
  const refusals = counter("refusals_total", "Credentials refused without a challenge", ["operation", "reason"]);
  const charges = counter("charges_total", "Priced calls by how they ended", ["operation", "outcome"]);
  const chargedMsat = counter("charged_msat_total", "Msat earned by settled calls", ["operation"]);
  const refunded = counter("abandoned_charges_refunded_total", "Charges of dead processes that were given back");
  const operatorUses = counter("operator_uses_total", "Calls served under an operator's token", ["operation", "by"]);
  const operatorRefusals = counter("operator_refusals_total", "Operator's tokens refused", ["operation", "reason"]);
  const limited = counter("rate_limit_hits_total", "Requests refused by a limit", ["limit"]);
  const failures = counter("failures_total", "Failures by code and place", ["place", "code"]);
  const graphNodes = gauge("graph_nodes", "Nodes of the newest graph");
  const graphChannels = gauge("graph_channels", "Channels of the newest graph");
  const graphSeconds = gauge("graph_refresh_seconds", "Duration of the last graph refresh by stage", ["stage"]);
  const graphChanges = counter("graph_changes_total", "Changes of the graph that were stored as LND told of them");
  const graphMissed = counter("graph_missed_total", "Changes that only a reading of the whole graph showed", ["kind"]);
  const graphGarbage = counter("graph_garbage_total", "Announcements that could not be right", ["reason"]);
  const graphStream = gauge("graph_stream_up", "1 while this process follows LND's stream of changes");
  const graphLeading = gauge("graph_leading", "1 while this process is the one that follows the graph");
  const graphReadAt = gauge("graph_read_at_seconds", "Unix time of the last reading of the whole graph");
  const jobs = counter("jobs_total", "Crawler jobs by result", ["job", "result"]);
  const published = counter("nostr_events_total", "Nostr events by what became of them", ["outcome"]);
  const openCount = gauge("open_invoices", "Our invoices that wait to be paid");
  const receipts = counter("receipts_total", "Payments booked as LND told of them");
  const difference = gauge("ledger_difference_msat", "What the books are wrong by; 0 when they hold");
  const unclaimed = gauge("ledger_unclaimed_msat", "Received, not yet claimed by an account");
  const revenue = gauge("ledger_revenue_msat", "Earned, running calls included");
  const tokens = gauge("ledger_tokens_msat", "What customers may still spend");
  const spent = gauge("spent_24h_msat", "Payments that settled in the last 24 hours, routing included");
  const held = gauge("payments_held_msat", "The most that payments under way may cost");
  const budgetLeft = gauge("spend_budget_left_msat", "What may still be spent before 24 hours are over");
  const payments = gauge("payments", "Payments by state", ["state"]);
  const oldestUnknown = gauge(
    "oldest_unknown_payment_seconds",
    "Since the oldest payment was sent whose end nobody knows; 0: none",
  );
  const missing = gauge("payments_missing", "Payments the node had begun and does not know any more");
  const reconciledAt = gauge("reconciled_at_seconds", "Unix time of the last reconciliation");
  const probes = counter("probes_total", "Probes by how they ended: LND's failure code, or what kept them", [
    "outcome",
  ]);
  const observations = counter("probe_observations_total", "What probes proved, by kind", ["kind"]);
  const probesInFlight = gauge("probes_in_flight", "Probes without an answer, all processes together");
  const probesUnknown = gauge(
    "probes_unknown",
    "The part of them whose call has ended: the HTLC may be held somewhere",
  );
  const probeBudget = gauge("probe_budget_left", "Probes that may still be sent in this hour");
  const scoredAt = gauge("scored_at_seconds", "Unix time of the newest scores");

  const predictions = counter("predictions_total", "Predictions by what became of their entry in the log", ["outcome"]);

  const countByReason = (garbage: Counted) => {
    for (const [reason, count] of Object.entries(garbage)) graphGarbage.inc({ reason }, count);
  };

  return {
    registry,
    log,
    ...lndEvents(registry, log),
    ...endpointEvents(registry, log),
    ...catalogueEvents(registry, log),
    ...deliveryEvents(registry, log),
    ...relayEvents(registry, log),
    ...inboxEvents(registry),
    request(operation: string, status: number, seconds: number): void {
      requests.observe({ operation, status: String(status) }, seconds);
      if (seconds > 1) log.warn({ operation, status, seconds: Number(seconds.toFixed(3)) }, "slow request");
    },
    challenged(operation: string, reason: string): void {
      challenges.inc({ operation, reason });
    },
    refused(operation: string, reason: string): void {
      refusals.inc({ operation, reason });
      log.info({ operation, reason }, "credential refused");
    },
    charged(operation: string, msat: bigint): void {
      charges.inc({ operation, outcome: "settled" });
      chargedMsat.inc({ operation }, Number(msat));
    },
    chargeReturned(operation: string, code: string): void {
      charges.inc({ operation, outcome: "refunded" });
      log.warn({ operation, code }, "a charged call failed and was refunded");
    },
    abandonedRefunded(count: number): void {
      refunded.inc(count);
      log.warn({ count }, "charges of a dead process were refunded");
    },
    operatorServed(operation: string, address: string, operator: Operator): void {
      operatorUses.inc({ operation, by: operator.by });
      log.info({ operation, address, operator: operatorName(operator) }, "served under an operator's token");
    },
    operatorRefused(operation: string, address: string, refused: OperatorRefused): void {
      operatorRefusals.inc({ operation, reason: refused.reason });
      const operatorTokenId = "tokenId" in refused ? refused.tokenId : undefined;
      log.warn({ operation, address, reason: refused.reason, operatorTokenId }, "operator's token refused");
    },
    limited(limit: string): void {
      limited.inc({ limit });
    },
    failed(place: string, error: unknown): void {
      const code = error instanceof OracleError ? error.code : "INTERNAL";
      failures.inc({ place, code });
      const details = { place, code, error: describe(error) };
      if (code === "INTERNAL")
        log.error({ ...details, stack: error instanceof Error ? error.stack : undefined }, "unexpected failure");
      else log.warn(details, "failure");
    },
    predictions(outcome: "written" | "dropped", count: number): void {
      predictions.inc({ outcome }, count);
      if (outcome === "dropped") log.warn({ count }, "predictions were not logged");
    },
    graphLoaded(counts: { nodes: number; channels: number }): void {
      graphNodes.set(counts.nodes);
      graphChannels.set(counts.channels);
      log.info(counts, "graph loaded");
    },
    /** An api process worked in what changed. */
    graphFollowed(counts: { nodes: number; channels: number }, versions: number): void {
      graphNodes.set(counts.nodes);
      graphChannels.set(counts.channels);
      log.debug({ ...counts, versions }, "graph followed");
    },
    graphLeading(leading: boolean): void {
      graphLeading.set(leading ? 1 : 0);
      log.info({ leading }, leading ? "this process follows the graph" : "this process does not follow the graph");
    },
    graphStream(up: boolean): void {
      graphStream.set(up ? 1 : 0);
    },
    graphChanged({ changes, garbage, counts }: { changes: number; garbage: Counted; counts: GraphCounts }): void {
      graphChanges.inc(changes);
      countByReason(garbage);
      graphNodes.set(counts.nodes);
      graphChannels.set(counts.channels);
    },
    /** One line per reading, whatever is wrong in it. */
    graphRead({ missed, garbage, first, counts }: GraphFound): void {
      graphReadAt.set(Math.floor(Date.now() / 1000));
      countByReason(garbage);
      graphNodes.set(counts.nodes);
      graphChannels.set(counts.channels);
      if (!first) for (const [kind, count] of Object.entries(missed)) graphMissed.inc({ kind }, count);
      log.info({ ...counts, ...(first ? { first } : { missed }), garbage }, "the whole graph was read");
    },
    graphStage(stage: string, seconds: number): void {
      graphSeconds.set({ stage }, seconds);
      log.info({ stage, seconds: Number(seconds.toFixed(3)) }, "graph refresh");
    },
    jobDone(job: string, facts: Record<string, unknown>): void {
      jobs.inc({ job, result: "done" });
      log.info({ job, ...facts }, "job done");
    },
    jobFailed(job: string, error: unknown): void {
      jobs.inc({ job, result: "failed" });
      log.warn({ job, error: describe(error) }, "job failed; it will be tried again");
    },
    published(outcome: string, count: number): void {
      if (count > 0) published.inc({ outcome }, count);
    },
    openInvoices(count: number): void {
      openCount.set(count);
    },
    receiptsBooked(count: number): void {
      receipts.inc(count);
    },
    receiptsStartedOver(found: { reason: string; listed: number; healed: number }): void {
      if (found.reason === "lost-data")
        log.warn(found, "LND has lost payments it had reported; all its invoices were read");
      else log.info(found, "all invoices of LND were read");
    },
    reconciled(books: BooksFound): void {
      difference.set(Number(books.differenceMsat));
      unclaimed.set(Number(books.unclaimedMsat));
      tokens.set(Number(books.tokensMsat));
      revenue.set(Number(books.revenueMsat));
      if (books.at !== undefined) reconciledAt.set(books.at);
      if (books.findings.length > 0) log.error({ findings: books.findings }, "the books do not hold");
    },
    spending(found: SpendingFound, limit: bigint): void {
      spent.set(Number(found.spent));
      held.set(Number(found.held));
      const left = limit - found.spent - found.held;
      budgetLeft.set(left > 0n ? Number(left) : 0);
      for (const [state, count] of Object.entries(found.counts)) payments.set({ state }, count);
      oldestUnknown.set(found.oldestUnknownSec ?? 0);
    },
    paymentsResolved(found: { missing: readonly string[] }): void {
      missing.set(found.missing.length);
      if (found.missing.length > 0)
        log.error({ hashes: found.missing }, "LND does not know payments any more that it had begun");
    },
    probed(result: ProbeResult): void {
      const { status } = result;
      const outcome = status === "answered" ? result.code : status === "refused" ? `limit ${result.limit}` : status;
      probes.inc({ outcome });
      if (status === "answered") {
        for (const { observation } of result.evidence) observations.inc({ kind: observation.kind });
      }
      if (status === "settled") log.error({ hash: result.paymentHash }, "a probe was settled: its hash was known");
      if (status === "unsent") log.warn({ error: describe(result.cause) }, "LND refused to send a probe");
      if (status === "unknown") log.warn({ hash: result.paymentHash }, "a probe has no answer; it is looked after");
    },
    probesOpen({ inFlight, unknown, leftThisHour }: { inFlight: number; unknown: number; leftThisHour: number }): void {
      probesInFlight.set(inFlight);
      probesUnknown.set(unknown);
      probeBudget.set(leftThisHour);
    },
    scored(at: number): void {
      scoredAt.set(at);
    },
  };
}

/** The public name of what an operator showed. */
function operatorName(operator: Operator): string {
  return operator.by === "secret" ? "secret" : operator.tokenId;
}

/** An error and its causes in one line, without a stack. */
function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message || error.name;
  return error.cause === undefined || depth > 3 ? text : `${text} <- ${describe(error.cause, depth + 1)}`;
}
