/** `satrank probe`: one probe now, under the limits of the spend policy, and what it proved. */
import { Command } from "commander";
import { closeLnd } from "../../../adapters/lnd/connect.ts";
import { graphTables } from "../../../adapters/postgres/graph.ts";
import { OracleError } from "../../../core/errors.ts";
import type { Observation } from "../../../core/evidence/observation.ts";
import type { ProbeLimits } from "../../../core/spend/policy.ts";
import { parseSubject } from "../../../core/subject.ts";
import { type Msat, msat } from "../../../core/units.ts";
import { type ProbeLimit, type ProbeResult, sendProbe } from "../../../oracle/probe/send-probe.ts";
import { readConfig } from "../../config.ts";
import { openLnd } from "../../lnd-endpoint.ts";
import { errandPorts, openVantage } from "../../probing.ts";
import { readSpendPolicy } from "../../spend-policy.ts";
import { withDatabase } from "../database.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";

const DEFAULT_AMOUNT_MSAT = "10000000";

export function probeCommand(output: Output): Command {
  return new Command("probe")
    .argument("<node>", "66-hex key, 64-hex SHA-256 of that key's text, or alias@<its exact alias>")
    .description(
      "send one HTLC that nobody can settle, and print what its end proves; exits with 1 when it was not sent",
    )
    .option("--amount-msat <msat>", "what it carries", DEFAULT_AMOUNT_MSAT)
    .action(async (name: string, options: { amountMsat: string }) => {
      const { lnd: endpoint, SPEND_POLICY_PATH: policyPath } = readConfig();
      const limits = probeLimits(policyPath);
      const amount = readAmount(options.amountMsat);
      if (!endpoint) throw new OracleError("CONFIG_INVALID", "LND_* is not set: a probe is sent from your own node");
      const lnd = { readonly: openLnd(endpoint, "readonly"), pay: openLnd(endpoint, "pay") };
      const { signal } = new AbortController();
      try {
        await withDatabase(async (database) => {
          const node = await graphTables(database).find(parseSubject(name));
          if (!node) throw new OracleError("SUBJECT_UNKNOWN", "no announced node has this name");
          const vantage = await openVantage({ database, lnd, limits, signal });
          if (!vantage) throw new OracleError("GRAPH_NOT_READY", "no graph is stored yet: start the crawler");
          try {
            const { thread, situation } = vantage;
            const arcs = await thread.pathTo({ ...situation, target: node.keyHex, amount });
            const ports = errandPorts({ database, lnd, thread, signal, onResult: () => undefined });
            output.progress(`probing ${node.alias || node.keyHex} with ${amount} msat ...`);
            const result: ProbeResult = arcs
              ? await sendProbe(ports, vantage.node, { purpose: "manual", arcs, amount }, limits)
              : { status: "refused", limit: "route" };
            output.progress("");
            report(output, result);
          } finally {
            await vantage.thread.close();
          }
        });
      } finally {
        closeLnd(lnd.readonly);
        closeLnd(lnd.pay);
      }
    });
}

/** @throws CONFIG_INVALID when the spend policy allows no probes */
function probeLimits(path: string | undefined): ProbeLimits {
  const { probes } = readSpendPolicy(path, { isSimulated: false });
  if (probes.mode === "off") {
    throw new OracleError("CONFIG_INVALID", 'probes are off: set "probes" in the spend policy (docs/probing.md)');
  }
  return probes;
}

function readAmount(text: string): Msat {
  if (!/^[1-9]\d{0,18}$/.test(text))
    throw new OracleError("AMOUNT_INVALID", "--amount-msat takes a whole number of msat");
  return msat(BigInt(text));
}

const LIMITS: Record<ProbeLimit, string> = {
  hour: "the probes of this hour are used up",
  target: "this node has been probed often enough today",
  peer: "our peer on the way there has carried enough probes this hour",
  "in-flight": "too many probes are held through this peer, or towards this node",
  backoff: "this node was tried in vain a moment ago",
  amount: "the amount is above what the policy allows",
  route: "no route within the limits is likely to carry it: see that our node is announced and has the balance",
};

/** Prints the end. @throws Exit with 1 when nothing was learnt */
function report(output: Output, result: ProbeResult): void {
  switch (result.status) {
    case "answered": {
      const { paymentHash, code, sourceIndex, hops, evidence } = result;
      const by = sourceIndex === 0 ? "our own node" : sourceIndex === hops.length ? "the target" : `hop ${sourceIndex}`;
      const seen = evidence.map(({ observation }) => observation);
      output.result({ status: "answered", paymentHash, code, sourceIndex, hops: hops.length, observations: seen }, [
        `${code} from ${by}, over ${hops.length} hops`,
        ...seen.map((each) => `  ${describeObservation(each)}`),
      ]);
      return;
    }
    case "refused":
      output.result(result, [output.paint("yellow", `not sent: ${LIMITS[result.limit]}`)]);
      break;
    case "unsent":
      throw result.cause;
    case "unknown":
      output.result({ status: "unknown", paymentHash: result.paymentHash }, [
        output.paint("yellow", "no answer yet: the HTLC may be held somewhere; the crawler looks after it"),
      ]);
      break;
    case "settled":
      output.result(result, [output.paint("red", "somebody settled a random hash: its randomness is broken")]);
      break;
  }
  throw new Exit(EXIT.failed);
}

function describeObservation(seen: Observation): string {
  switch (seen.kind) {
    case "holds-at-least":
      return `channel ${seen.channelId}: ${seen.from} holds at least ${seen.amount} msat`;
    case "holds-below":
      return `channel ${seen.channelId}: ${seen.from} holds less than ${seen.amount} msat`;
    case "pair-holds-at-least":
      return `some channel of ${seen.from} with ${seen.to}: it holds at least ${seen.amount} msat`;
    case "online":
      return `${seen.node} is online`;
    case "offline":
      return `${seen.node} is offline, as its neighbour ${seen.seenBy} sees it`;
    case "channel-gone":
      return `channel ${seen.channelId} is gone`;
    case "policy-stale":
      return `channel ${seen.channelId}: ${seen.from} has another ${seen.fault} than it announced`;
    case "reached":
      return `${seen.node} is reached with ${seen.amount} msat`;
    case "node-fault":
      return `${seen.node} cannot forward now`;
    case "unattributed":
      return `${seen.code} convicts nobody; it is counted`;
    case "own-failure":
      return "it did not leave our own node: nothing about anybody else";
  }
}
