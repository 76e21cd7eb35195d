/** A server that does as a hostile case says: raw bytes on a loopback socket, from the moment the request is there. */
import net, { type AddressInfo, type Socket } from "node:net";
import type { OutsideFailureKind, OutsideLimits } from "../../core/egress.ts";

/** What a server does with a connection. */
export type Behaviour = (socket: Socket) => void;
/** One hostile server and what must come of asking it. `head`: the failure carries the head of the answer. */
export type ServerCase = {
  name: string;
  serve: Behaviour;
  want: "ok" | OutsideFailureKind;
  head?: boolean;
  body?: string;
  method?: string;
  send?: string;
  limits?: Partial<OutsideLimits>;
  /** Acts when the connection is made, before anything was asked. */
  atOnce?: boolean;
};

export type HostileServer = {
  port: number;
  /** Connections made so far, and those that are still open. */
  made: () => number;
  open: () => number;
  /** Reads on where a case stopped reading: an end that is not read is not seen. */
  resume: () => void;
  close(): Promise<void>;
};

/** Listens on a free port of loopback. */
export async function startHostileServer(serve: Behaviour, atOnce = false): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  let made = 0;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    made++;
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    // A client that has gone takes its half with it; the other half is this server's, whatever it still wanted to say.
    socket.on("end", () => socket.destroySoon());
    socket.resume();
    if (atOnce) serve(socket);
    else socket.once("data", () => serve(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    made: () => made,
    open: () => sockets.size,
    resume: () => {
      for (const socket of sockets) socket.resume();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Says this, and leaves the connection open. */
export const say =
  (text: string | Uint8Array): Behaviour =>
  (socket) =>
    void socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);

/** Says this, and hangs up. */
export const sayAndEnd =
  (text: string | Uint8Array): Behaviour =>
  (socket) =>
    void socket.end(typeof text === "string" ? Buffer.from(text, "latin1") : text);

/** More than a server takes in before it stops reading. */
export const LONG_QUESTION = "a".repeat(1_000_000);

/**
 * Says this, and breaks off: the system sends a reset for a connection that is closed while bytes of it are unread. The case
 * must send a long question, so that there are some.
 */
export const sayAndReset =
  (text: string): Behaviour =>
  (socket) => {
    socket.pause();
    if (text !== "") socket.write(text);
    setTimeout(() => socket.destroy(), 50);
  };

/** Says this, and then the same piece for ever, as fast as it is taken. */
export const flood =
  (head: string, piece: string | Uint8Array): Behaviour =>
  (socket) => {
    const pour = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.write(Buffer.from(head, "latin1"));
    socket.on("drain", pour);
    pour();
  };

/** Says this, and then the same piece for ever, a little at a time. */
export const drip =
  (head: string, piece: string, everyMs = 10): Behaviour =>
  (socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write(piece), everyMs);
    socket.on("close", () => clearInterval(timer));
  };

/** The head of a plain answer with these header lines. */
export const ok = (...lines: string[]): string =>
  `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
