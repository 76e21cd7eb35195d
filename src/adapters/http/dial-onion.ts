/** A connection to an onion service, through a SOCKS5 proxy that resolves its name. Sources: RFC 1928, RFC 1929, RFC 7686. */
import net from "node:net";
import { SocksClient } from "socks";
import { codeOf, Fault } from "./fault.ts";

/** Where the proxy listens. It is the operator's choice, so it may be anywhere. */
export type SocksProxy = { host: string; port: number };

/** @param ms after which the library gives up as well: its timer outlives the attempt. @throws Fault connect, or the signal's reason */
export async function dialOnion(
  proxy: SocksProxy,
  to: { host: string; port: number; ms: number },
  signal: AbortSignal,
): Promise<net.Socket> {
  const socket = net.connect({ host: proxy.host, port: proxy.port }).on("error", () => undefined);
  const stop = () => socket.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await connected(socket);
    await SocksClient.createConnection({
      proxy: { ...proxy, type: 5 },
      command: "connect",
      destination: { host: to.host, port: to.port },
      existing_socket: socket,
      timeout: to.ms,
    });
    signal.throwIfAborted();
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (error instanceof Fault) throw error;
    // A proxy answers alike for a service that is away and for a network of its own that is.
    throw new Fault("connect", "unknown", "the proxy did not connect to the onion service");
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function connected(socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(new Fault("connect", "ours", `the proxy is away (${codeOf(error)})`)));
    socket.once("close", () => reject(new Fault("connect", "ours", "the proxy hung up")));
  });
}
