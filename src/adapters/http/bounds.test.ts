/** Many hostile servers at once: what they can make us hold is bounded, and nothing of them stays. */
import zlib from "node:zlib";
import { expect, test, vi } from "vitest";
import { flood, type HostileServer, ok, sayAndEnd, startHostileServer } from "../../testing/hostile/server.ts";
import { openGuardedClient } from "./guarded-client.ts";

const MEGABYTE = 1_048_576;
const bomb = zlib.gzipSync(Buffer.alloc(20 * MEGABYTE));
const lengthy = Buffer.concat([Buffer.from(ok("Content-Encoding: gzip", `Content-Length: ${bomb.length}`)), bomb]);
const limits = { timeoutMs: 120_000, connectMs: 120_000, maxBodyBytes: MEGABYTE };

/** Asks so many times at once, and says how many bytes were held at most outside of the heap of objects. */
async function peakOf(server: HostileServer, times: number): Promise<{ kinds: Set<string>; heldBytes: number }> {
  const client = openGuardedClient({ allow: [`127.0.0.1:${server.port}`] });
  const held = () => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  const before = held();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, held());
  }, 5);
  const url = `http://127.0.0.1:${server.port}/`;
  const { signal } = new AbortController();
  const results = await Promise.all(
    Array.from({ length: times }, () => client.fetch({ url, method: "GET", signal, limits })),
  );
  clearInterval(watch);
  return { kinds: new Set(results.map((each) => (each.ok ? "ok" : each.failure.kind))), heldBytes: most - before };
}

test.each([
  { times: 100, name: "gzip bombs of 20 MB", serve: sayAndEnd(lengthy), want: "body-too-large" },
  { times: 100, name: "bodies for ever", serve: flood(ok(), Buffer.alloc(65_536)), want: "body-too-large" },
  {
    times: 5,
    name: "headers for ever",
    serve: flood("HTTP/1.1 200 OK\r\n", "X-A: b\r\n".repeat(1_000)),
    want: "headers-too-large",
  },
  {
    times: 5,
    name: "chunks of one byte for ever",
    serve: flood(ok("Transfer-Encoding: chunked"), "1\r\na\r\n".repeat(1_000)),
    want: "protocol",
  },
  {
    times: 100,
    name: "chunk extensions for ever",
    serve: flood(`${ok("Transfer-Encoding: chunked")}1;`, "a".repeat(65_536)),
    want: "protocol",
  },
])("$times at once: $name", async ({ times, serve, want }) => {
  const server = await startHostileServer(serve);
  const { kinds, heldBytes } = await peakOf(server, times);
  expect([...kinds]).toEqual([want]);
  // The bodies of all of them, before and after decompression, as much again for the server in this same process, and garbage.
  expect(heldBytes).toBeLessThan((64 + 4 * times) * MEGABYTE);
  await expect.poll(server.open).toBe(0);
  await server.close();
});

test("a small deadline ends a hundred at once, and leaves no timer, no socket and no resolver", async () => {
  const server = await startHostileServer(() => undefined);
  const client = openGuardedClient({ allow: [`127.0.0.1:${server.port}`] });
  const url = `http://127.0.0.1:${server.port}/`;
  const resources = () =>
    process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Connect|Cares|ChannelWrap/i.test(name)).length;
  const before = resources();
  const { signal } = new AbortController();
  const results = await Promise.all(
    Array.from({ length: 100 }, () => client.fetch({ url, method: "GET", signal, limits: { timeoutMs: 100 } })),
  );
  expect(new Set(results.map((each) => (each.ok ? "ok" : each.failure.kind)))).toEqual(new Set(["timeout"]));
  await expect.poll(server.open).toBe(0);
  await expect.poll(resources).toBeLessThanOrEqual(before);
  await server.close();
});

test("a caller's signal keeps no listener of requests that are over", async () => {
  const server = await startHostileServer(sayAndEnd(`${ok("Content-Length: 2")}hi`));
  const client = openGuardedClient({ allow: [`127.0.0.1:${server.port}`] });
  const controller = new AbortController();
  const { signal } = controller;
  const add = vi.spyOn(signal, "addEventListener");
  const remove = vi.spyOn(signal, "removeEventListener");
  const url = `http://127.0.0.1:${server.port}/`;
  for (let index = 0; index < 20; index++) expect((await client.fetch({ url, method: "GET", signal })).ok).toBe(true);
  expect(add).toHaveBeenCalledTimes(20);
  const removed = remove.mock.calls.map(([, listener]) => listener);
  expect(add.mock.calls.every(([, listener]) => removed.includes(listener))).toBe(true);
  await server.close();
});
