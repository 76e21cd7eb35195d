/** A process that delivers one batch and dies at a given step of it: argv is database, relay, instant, step. A step is before or after a call. */
import { relayConnection } from "../adapters/nostr/relay-connection.ts";
import { openDatabase } from "../adapters/postgres/connect.ts";
import type { DeliverPorts } from "../oracle/publish/deliver-events.ts";
import { deliver } from "./deliver.ts";

const [databaseUrl = "", relay = "", at, dieAt] = process.argv.slice(2);
const database = openDatabase({ url: databaseUrl, maxConnections: 2, onError: () => undefined });
let step = 0;

function pass(): void {
  if (step++ === Number(dieAt)) process.kill(process.pid, "SIGKILL");
}

/** Every port, with a step before it and one after. */
function mortal(ports: DeliverPorts): DeliverPorts {
  const wrapped = Object.entries(ports).map(([name, port]) => [
    name,
    async (...given: unknown[]) => {
      pass();
      const result = await (port as (...all: unknown[]) => Promise<unknown>)(...given);
      pass();
      return result;
    },
  ]);
  return Object.fromEntries(wrapped) as DeliverPorts;
}

const connection = relayConnection(relay);
await deliver(database, connection, { relay, at: Number(at), wrap: mortal });
process.stdout.write(`${step}\n`);
connection.close();
await database.end();
