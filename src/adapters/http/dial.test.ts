/** Which of several addresses a connection leads to, and that no other stays open. */
import net, { type AddressInfo, type Server } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { dial, strangePeer } from "./dial.ts";

const servers: Server[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const server of servers.splice(0)) server.close();
});
const forever = new AbortController().signal;

async function listen(host: string, port = 0): Promise<number> {
  const server = net.createServer((socket) => socket.on("error", () => undefined).resume());
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}

test("an address that refuses gives way to the next at once", async () => {
  const port = await listen("127.0.0.1");
  const socket = await dial(["127.0.0.2", "127.0.0.3", "127.0.0.1"], port, forever);
  expect(socket.remoteAddress).toBe("127.0.0.1");
  socket.destroy();
});

/** Connections to 198.51.100.0/24 never come to an end, and never leave this machine. */
function silenceDocumentationRange(): net.Socket[] {
  const silent: net.Socket[] = [];
  const connect = net.connect.bind(net) as (options: net.TcpNetConnectOpts) => net.Socket;
  vi.spyOn(net, "connect").mockImplementation(((options: net.TcpNetConnectOpts) => {
    if (!options.host?.startsWith("198.51.100.")) return connect(options);
    silent.push(new net.Socket());
    return silent.at(-1)!;
  }) as typeof net.connect);
  return silent;
}

test("one that is silent gives way to the next, and the families take turns", async () => {
  const port = await listen("127.0.0.1");
  const silent = silenceDocumentationRange();
  // ::1 refuses, and comes first because it is of the other family.
  const socket = await dial(["198.51.100.1", "198.51.100.2", "127.0.0.1", "::1"], port, forever);
  expect(socket.remoteAddress).toBe("127.0.0.1");
  expect(silent.map((each) => each.destroyed)).toEqual([true, true]);
  socket.destroy();
});

test("of hundreds of addresses six are tried", async () => {
  const silent = silenceDocumentationRange();
  const controller = new AbortController();
  const dialling = dial(
    Array.from({ length: 250 }, (_, index) => `198.51.100.${index}`),
    443,
    controller.signal,
  );
  await expect.poll(() => silent.length).toBe(6);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(silent.length).toBe(6);
  controller.abort(new Error("enough"));
  await expect(dialling).rejects.toThrow("enough");
  expect(silent.every((each) => each.destroyed)).toBe(true);
});

test("when all refuse it is theirs, when the way out is missing ours", async () => {
  const port = await listen("127.0.0.1");
  servers.pop()?.close();
  await expect(dial(["127.0.0.1", "127.0.0.2"], port, forever)).rejects.toMatchObject({
    failure: { kind: "connect", blame: "theirs" },
  });
  // Nobody may connect to a broadcast address without asking the system for leave.
  await expect(dial(["255.255.255.255"], port, forever)).rejects.toMatchObject({
    failure: { kind: "connect", blame: "ours" },
  });
});

test("what is under way ends with the signal, for its reason", async () => {
  silenceDocumentationRange();
  const controller = new AbortController();
  const dialling = dial(["198.51.100.1"], 443, controller.signal);
  controller.abort(new Error("enough"));
  await expect(dialling).rejects.toThrow("enough");
  await expect(dial(["127.0.0.1"], 443, controller.signal)).rejects.toThrow("enough");
});

test.each([
  { remoteAddress: "8.8.8.8", vetted: "8.8.8.8", strange: false },
  { remoteAddress: "2606:4700::1111", vetted: "2606:4700:0:0:0:0:0:1111", strange: false },
  { remoteAddress: "127.0.0.1", vetted: "8.8.8.8", strange: true },
  { remoteAddress: "::ffff:127.0.0.1", vetted: "127.0.0.1", strange: true },
  { remoteAddress: undefined, vetted: "8.8.8.8", strange: true },
])("a connection to $vetted that leads to $remoteAddress: strange $strange", ({ remoteAddress, vetted, strange }) => {
  expect(strangePeer({ remoteAddress }, vetted) !== undefined).toBe(strange);
});
