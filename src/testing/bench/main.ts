/**
 * `make bench`: every bench in turn, or those named in BENCH. Figures are ratios against a baseline of the same run. Each has a
 * process of its own, since what one leaves on the heap would be the other's garbage collection.
 */
import { spawnSync } from "node:child_process";
import os from "node:os";
import { benchAttacks } from "./attacks.ts";
import { benchColdStart } from "./cold-start.ts";
import { benchEgress } from "./egress.ts";
import { benchEndpoints } from "./endpoints.ts";
import { benchGraph } from "./graph.ts";
import { benchOracle } from "./oracle.ts";
import { benchPaid } from "./paid.ts";
import { benchProbes } from "./probes.ts";
import { benchPublish } from "./publish.ts";
import { benchRelay } from "./relay.ts";
import { benchSigning } from "./signing.ts";
import { benchVerdictUpdates } from "./verdict-updates.ts";
import { benchVerify } from "./verify.ts";

const BENCHES = {
  verify: benchVerify,
  paid: benchPaid,
  graph: benchGraph,
  updates: benchVerdictUpdates,
  oracle: benchOracle,
  egress: benchEgress,
  endpoints: benchEndpoints,
  attacks: benchAttacks,
  probes: benchProbes,
  publish: benchPublish,
  signing: benchSigning,
  relay: benchRelay,
  cold: benchColdStart,
};
type Name = keyof typeof BENCHES;

// GRAPH is how `make run` names a graph; the benches take the same.
if (process.env["GRAPH"]) process.env["SATRANK_GRAPH"] ??= process.env["GRAPH"];

const [first, ...rest] = process.argv.slice(2);
if (first === "--here") {
  for (const name of rest as Name[]) await BENCHES[name]();
} else {
  const wanted = first === undefined ? Object.keys(BENCHES) : [first, ...rest];
  const unknown = wanted.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    process.stderr.write(`no such bench: ${unknown.join(", ")}; there are ${Object.keys(BENCHES).join(", ")}\n`);
    process.exit(2);
  }
  process.stdout.write(
    `Node ${process.version}, ${os.cpus().length} x ${os.cpus()[0]?.model ?? "unknown processor"}\n`,
  );
  for (const name of wanted) {
    const args = [...process.execArgv, process.argv[1]!, "--here", name];
    const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
    if (status !== 0) process.exit(status ?? 1);
  }
}
