/** The whole program as a process of its own, started as `make run` starts it, for tests that kill it. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import net from "node:net";
import { EVERYTHING } from "./compiled.ts";

const READY_MS = 60_000;

export type Program = {
  origin: string;
  pid: number;
  relayUrl: string;
  metricsPort: number;
  /** What it printed on standard output. */
  printed(): string;
  kill(signal: NodeJS.Signals): Promise<number | null>;
};

export type Ports = { api: number; relay: number; metrics: number };

/** Below those that the system hands out: a port it gave us may go to somebody's connection before the program listens on it. */
const [LEAST_PORT, MOST_PORT] = [10_000, 30_000];

export async function freePorts(): Promise<Ports> {
  const servers = [await listen(), await listen(), await listen()];
  const [api = 0, relay = 0, metrics = 0] = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return { api, relay, metrics };
}

/** On a port drawn by chance that is free. */
function listen(): Promise<net.Server> {
  return new Promise((resolve) => {
    const server = net.createServer();
    const attempt = () => void server.listen(randomInt(LEAST_PORT, MOST_PORT), "127.0.0.1");
    server.on("error", attempt).on("listening", () => resolve(server));
    attempt();
  });
}

/** Starts everything over `dataDir` and resolves when the first paid call is announced. */
export async function startProgram(
  dataDir: string,
  ports: Ports,
  settings: Record<string, string> = {},
): Promise<Program> {
  const env = {
    ...process.env,
    NODE_ENV: "development",
    DATA_DIR: dataDir,
    PORT: String(ports.api),
    DEMO_RELAY_PORT: String(ports.relay),
    DEMO_MARKET_PORT: "0",
    CRAWLER_METRICS_PORT: String(ports.metrics),
    LOG_LEVEL: "warn",
    ...settings,
  };
  const child = spawn(process.execPath, [EVERYTHING, "all"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  let complained = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complained = (complained + chunk.toString()).slice(-5_000);
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready in time: ${printed}${complained}`)), READY_MS);
    child.once("exit", (code) => reject(new Error(`exited with ${code}: ${printed}${complained}`)));
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (!/^3\. [\s\S]*\n {2}curl .*\n/m.test(printed)) return;
      clearTimeout(timer);
      resolve();
    });
  });
  return {
    origin: `http://127.0.0.1:${ports.api}`,
    pid: child.pid!,
    relayUrl: `ws://127.0.0.1:${ports.relay}`,
    metricsPort: ports.metrics,
    printed: () => printed,
    kill: (signal) => end(child, signal),
  };
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve(child.exitCode);
    child.once("exit", (code) => resolve(code));
    child.kill(signal);
  });
}
