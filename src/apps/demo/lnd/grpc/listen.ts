/** A loopback port whose connections can be broken as a dying process breaks them, which gRPC's own server cannot do. */
import { createServer, type Socket } from "node:net";

export type Listener = {
  port: number;
  /** Breaks every connection. */
  breakConnections(): void;
  /** Takes no more connections; those there are go on. */
  close(): void;
};

/** `port` 0 takes a free one. @throws EADDRINUSE */
export async function listen(port: number, take: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    take(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : port,
    breakConnections() {
      for (const socket of sockets) socket.destroy();
    },
    close: () => void server.close(),
  };
}
