/** A SOCKS5 proxy on loopback that leads every name to one port, and fails in the ways a test asks for. Source: RFC 1928. */
import net, { type AddressInfo, type Socket } from "node:net";

/** What it does once it has understood where to. A number is the reply code; 0 connects. */
export type SocksBehaviour = number | "silence" | "hang-up" | "garbage" | "wrong-version" | "no-method" | "flood";
export type SocksServer = {
  port: number;
  /** The address type and the host of each request: 3 is a name. */
  asked: { type: number; host: string; port: number }[];
  behave: (next: SocksBehaviour) => void;
  open: () => number;
  close(): Promise<void>;
};

/** @param target the loopback port that is behind every name */
export async function startSocksServer(target: number): Promise<SocksServer> {
  let behaviour: SocksBehaviour = 0;
  const asked: SocksServer["asked"] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    return socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  };
  const server = net.createServer((socket) => {
    keep(socket);
    socket.once("data", () => {
      if (behaviour === "wrong-version") return void socket.write(new Uint8Array([4, 0]));
      if (behaviour === "no-method") return void socket.write(new Uint8Array([5, 0xff]));
      socket.write(new Uint8Array([5, 0]));
      socket.once("data", (request) => answer(socket, request));
    });
  });

  function answer(socket: Socket, request: Buffer): void {
    const type = request[3] ?? 0;
    const length = request[4] ?? 0;
    const host = request.toString("latin1", 5, 5 + length);
    asked.push({ type, host, port: request.readUInt16BE(5 + length) });
    if (behaviour === "silence") return;
    if (behaviour === "hang-up") return void socket.end();
    if (behaviour === "garbage") return void socket.write(new Uint8Array(64).fill(0x41));
    if (behaviour === "flood") {
      const pour = () => {
        while (!socket.destroyed && socket.write(new Uint8Array(60_000).fill(5)));
      };
      socket.on("drain", pour);
      pour();
      return;
    }
    const code = behaviour as number;
    const reply = new Uint8Array([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    if (code !== 0) return void socket.end(reply);
    const onward = keep(net.connect(target, "127.0.0.1"));
    onward.once("connect", () => {
      socket.write(reply);
      socket.pipe(onward).pipe(socket);
    });
    onward.on("close", () => socket.destroy());
    socket.on("close", () => onward.destroy());
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    behave: (next) => {
      behaviour = next;
    },
    open: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
