/** Requests that ask for another protocol (RFC 9110, 7.8): WebSocket at one path, and HTTP for everybody else, as if they had not asked. */
import type http from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Gives WebSocket upgrades at `path` to `accept`. */
export function routeUpgrades(
  server: http.Server,
  path: string,
  accept: (request: http.IncomingMessage, socket: Socket, head: Buffer) => void,
): void {
  server.on("upgrade", (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    const isWebSocket = /^websocket$/i.test(request.headers.upgrade ?? "") && request.method === "GET";
    if (isWebSocket && request.url?.split("?", 1)[0] === path) {
      accept(request, socket as Socket, head);
      return;
    }
    // Once somebody listens to upgrades, Node leaves each of them to the listener, also those of clients that would be glad of HTTP/2
    // but need an answer in any case. The request is put back as it came, without the wish, and read again.
    socket.unshift(Buffer.concat([withoutUpgrade(request), head]));
    server.emit("connection", socket);
  });
}

function withoutUpgrade({ method, url, httpVersion, rawHeaders }: http.IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = "", value = ""] = [rawHeaders[i], rawHeaders[i + 1]];
    const kept = name.toLowerCase() === "connection" ? connectionOptions(value) : value;
    if (name.toLowerCase() !== "upgrade" && kept !== "") lines.push(`${name}: ${kept}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

function connectionOptions(value: string): string {
  const kept = value.split(",").filter((option) => !/^\s*(upgrade|http2-settings)\s*$/i.test(option));
  return kept.join(",").trim();
}

/** Ends a connection that asked for an upgrade, with an HTTP answer. */
export function refuseUpgrade(socket: Socket, status: string, headers: readonly string[], body: string): void {
  const lines = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close"];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
