/** A process of the probe bench: a crawler that works on the queue and says how many calls it has made, or the endpoints it calls. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { openGuardedClient } from "../../adapters/http/guarded-client.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startJobs } from "../../adapters/postgres/jobs.ts";
import { probeEndpointsQueue } from "../../apps/crawler/jobs/probe-endpoints.ts";
import { askEndpoint } from "../../apps/endpoint-calls.ts";
import { NOTHING_ALLOWED } from "../../core/spend/policy.ts";
import { unixSeconds } from "../../core/units.ts";
import { foreignInvoice, l402Line } from "../foreign-offer.ts";

const [, , mode, databaseUrl = "", target = ""] = process.argv;

if (mode === "target") {
  const invoice = foreignInvoice({ timestamp: unixSeconds(Math.floor(Date.now() / 1000)), expirySec: 86_400 });
  const line = l402Line(undefined, invoice);
  const server = http.createServer((_request, response) => {
    response.writeHead(402, { "WWW-Authenticate": line, "Content-Type": "application/json" }).end('{"error":"pay"}');
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
  process.once("disconnect", () => process.exit(0));
} else {
  const database = openDatabase({ url: databaseUrl, maxConnections: 8, onError: () => undefined });
  const egress = openGuardedClient({ ports: [Number(target.split(":")[1])], allow: [target] });
  let calls = 0;
  const queue = probeEndpointsQueue({
    database,
    ask: askEndpoint(egress.fetch),
    self: async () => ({ nodePubkey: `02${"77".repeat(32)}`, network: "bcrt" }),
    payers: () => [],
    limits: NOTHING_ALLOWED.payments,
    cadence: { everySec: 3_600, paidEverySec: 3_600 },
    concurrency: 8,
    events: {
      endpointCalled({ stage, verdict, code }) {
        if (stage !== "invoice" || verdict !== "good") throw new Error(`${stage} ${verdict} ${code}`);
        calls += 1;
      },
      jobsWaiting: () => undefined,
    },
    signal: new AbortController().signal,
  });
  const failed = (job: string, error: unknown) => process.stderr.write(`${job}: ${String(error)}\n`);
  await startJobs(databaseUrl, { jobs: [], queues: [queue] }, { onDone: () => undefined, onFailed: failed });
  setInterval(() => process.send?.({ calls }), 100);
  process.once("disconnect", () => process.exit(0));
}
