/** Hostile URLs: each is refused for its reason, and neither a connection nor a question to a resolver comes of it. */
import net from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type DnsServer, startDnsServer } from "../../testing/dns-server.ts";
import { HOSTILE_URLS } from "../../testing/hostile/urls.ts";
import { openGuardedClient } from "./guarded-client.ts";

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer(() => [{ type: "A", data: "127.0.0.1" }]);
});
afterAll(() => dns.close());
afterEach(() => {
  vi.restoreAllMocks();
  dns.asked.length = 0;
});

const signal = new AbortController().signal;

describe(`${HOSTILE_URLS.length} hostile URLs`, () => {
  test.each(HOSTILE_URLS.map(([url, want]) => ({ name: JSON.stringify(url).slice(0, 80), url, want })))(
    "$name: $want",
    async ({ url, want }) => {
      const connect = vi.spyOn(net, "connect");
      const client = openGuardedClient({ dnsServers: [dns.address] });

      const result = await client.fetch({ url, method: "GET", signal });

      expect(result).toMatchObject({ ok: false, failure: { kind: want } });
      expect(connect).not.toHaveBeenCalled();
      expect(dns.asked).toEqual([]);
    },
  );
});
