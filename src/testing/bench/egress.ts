/** Bench: the guarded client against bare undici, on loopback: what it costs to vet, bound and close each request. */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { Client } from "undici";
import { openGuardedClient } from "../../adapters/http/guarded-client.ts";
import { ratio, report } from "./report.ts";

const REQUESTS = 2_000;
const AT_ONCE = 16;
const ROUNDS = 4;
const TARGET = path.join(import.meta.dirname, "probe-worker.js");

/** Prints requests a second, best round of each; rounds alternate, so that all see the same machine. */
export async function benchEgress(): Promise<void> {
  const server = fork(TARGET, ["target"], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  try {
    const [{ port }] = (await once(server, "message")) as [{ port: number }];
    const origin = `http://127.0.0.1:${port}`;
    const kept = new Client(origin, { pipelining: 1 });
    const guarded = openGuardedClient({ allow: [`127.0.0.1:${port}`] });
    const { signal } = new AbortController();
    const askers = {
      kept: () => read(kept),
      fresh: async () => {
        const client = new Client(origin);
        await read(client);
        await client.destroy();
      },
      guarded: async () => {
        const result = await guarded.fetch({ url: `${origin}/`, method: "GET", signal });
        if (!result.ok || result.answer.status !== 402) throw new Error(JSON.stringify(result));
      },
    };
    const best = { kept: 0, fresh: 0, guarded: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of ["kept", "fresh", "guarded"] as const)
        best[name] = Math.max(best[name], await perSecond(askers[name]));
    }
    await kept.close();
    report(`one 402 from loopback, ${AT_ONCE} at once`, [
      { name: "bare undici, a connection for each (baseline)", value: `${best.fresh.toFixed(0)} a second` },
      {
        name: "guarded",
        value: `${best.guarded.toFixed(0)} a second`,
        note: `${ratio(best.guarded, best.fresh)} of baseline`,
      },
      { name: "bare undici, one connection for all", value: `${best.kept.toFixed(0)} a second` },
    ]);
  } finally {
    server.disconnect();
  }
}

async function read(client: Client): Promise<void> {
  const { statusCode, body } = await client.request({ path: "/", method: "GET" });
  await body.dump();
  if (statusCode !== 402) throw new Error(`status ${statusCode}`);
}

async function perSecond(ask: () => Promise<void>): Promise<number> {
  let left = REQUESTS;
  const from = performance.now();
  const worker = async () => {
    while (left-- > 0) await ask();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return (1_000 * REQUESTS) / (performance.now() - from);
}
