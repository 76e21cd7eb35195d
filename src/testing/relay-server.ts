/** Our own relay on the HTTP server of an api that offers nothing else. */
import type { AddressInfo } from "node:net";
import { startRelay } from "../apps/api/relay/start-relay.ts";
import { createApplication, createHttpServer } from "../apps/api/server.ts";
import { createEvents } from "../apps/events.ts";
import { createLog } from "../apps/log.ts";

export type RelayServer = Awaited<ReturnType<typeof startRelayServer>>;

export async function startRelayServer(
  databaseUrl: string,
  settings: { connections?: number; perAddress?: number; port?: number } = {},
) {
  const lines: string[] = [];
  const log = createLog({ level: "info", name: "test", destination: { write: (line) => void lines.push(line) } });
  const events = createEvents(log);
  const relay = await startRelay({
    databaseUrl,
    settings: {
      RELAY_MAX_CONNECTIONS: settings.connections ?? 4_000,
      RELAY_MAX_CONNECTIONS_PER_ADDRESS: settings.perAddress ?? 4_000,
      RELAY_CONTACT: "mailto:ops@oracle.example",
    },
    events,
  });
  const facts = { origin: () => "https://oracle.example", version: "1.2.3" };
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [relay.router(facts)]);
  const server = createHttpServer(app, {});
  relay.attach(server, app);
  await new Promise<void>((resolve) => server.listen(settings.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `ws://127.0.0.1:${port}/relay`,
    metrics: () => events.registry.metrics(),
    logs: () => lines.join(""),
    async close() {
      await relay.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
