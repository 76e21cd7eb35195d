/** `make bench`: every bench in turn, or those named in BENCH. Figures are ratios against a baseline of the same run. */
import os from "node:os";
import { benchColdStart } from "./cold-start.ts";
import { benchGraph } from "./graph.ts";
import { benchOracle } from "./oracle.ts";
import { benchPaid } from "./paid.ts";
import { benchVerify } from "./verify.ts";

const BENCHES = { verify: benchVerify, paid: benchPaid, graph: benchGraph, oracle: benchOracle, cold: benchColdStart };
type Name = keyof typeof BENCHES;

// GRAPH is how `make run` names a graph; the benches take the same.
if (process.env["GRAPH"]) process.env["SATRANK_GRAPH"] ??= process.env["GRAPH"];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(", ")}; there are ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(2);
}
process.stdout.write(`Node ${process.version}, ${os.cpus().length} x ${os.cpus()[0]?.model ?? "unknown processor"}\n`);
for (const name of (wanted.length > 0 ? wanted : Object.keys(BENCHES)) as Name[]) await BENCHES[name]();
