/** The crawler's own /metrics, on loopback only. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { OracleError } from "../../core/errors.ts";
import type { Events } from "../events.ts";

/** Listens on 127.0.0.1; port 0 takes any. @throws CONFIG_INVALID when the port is taken */
export function startMetricsServer(events: Events, port: number): Promise<{ port: number; stop(): Promise<void> }> {
  const server = http.createServer({ requestTimeout: 5_000 }, (request, response) => {
    if (request.url !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    events.registry.metrics().then(
      (text) => response.writeHead(200, { "Content-Type": events.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new OracleError("CONFIG_INVALID", `cannot listen on 127.0.0.1:${port}; set CRAWLER_METRICS_PORT`, { cause }),
      );
    });
    server.listen(port, "127.0.0.1", () => {
      const stop = () =>
        new Promise<void>((done) => {
          server.close(() => done());
          server.closeAllConnections();
        });
      resolve({ port: (server.address() as AddressInfo).port, stop });
    });
  });
}
