/** A TCP proxy that a test makes fail in the ways a network and a host do, on a port that stays the same. */
import net from "node:net";

/**
 * `pass` forwards. `refuse` is a dead process: nothing listens and what was open is reset. `swallow` is a host that accepts
 * connections and says nothing. `freeze` is one that vanished: what is open stays open, and nothing comes through.
 */
export type ProxyMode = "pass" | "refuse" | "swallow" | "freeze";

export type TcpProxy = {
  host: string;
  /** Connections that are open to the proxy. */
  open(): number;
  set(mode: ProxyMode, to?: string): Promise<void>;
  close(): Promise<void>;
};

/** Listens on a free loopback port and forwards to `target` (host:port). */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  let mode: ProxyMode = "pass";
  let to = target;
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  };
  const server = net.createServer((inbound) => {
    keep(inbound);
    if (mode === "swallow") return void inbound.resume();
    const [hostname = "", port = ""] = to.split(":");
    const outbound = net.connect(Number(port), hostname);
    keep(outbound);
    forward(inbound, outbound);
    forward(outbound, inbound);
  });
  const forward = (from: net.Socket, into: net.Socket) => {
    from.on("data", (bytes) => {
      if (mode !== "freeze") into.write(bytes);
    });
    from.on("close", () => {
      if (mode !== "freeze") into.destroy();
    });
  };
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", () => resolve());
    });
  const stopListening = () => new Promise<void>((resolve) => server.close(() => resolve()));
  const reset = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };

  await listen(0);
  const { port } = server.address() as net.AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    open: () => sockets.size,
    async set(next, elsewhere = to) {
      to = elsewhere;
      mode = next;
      if (next === "refuse" && server.listening) {
        const stopped = stopListening();
        reset();
        await stopped;
      } else if (next !== "refuse" && !server.listening) await listen(port);
    },
    async close() {
      const stopped = stopListening();
      reset();
      await stopped;
    },
  };
}
