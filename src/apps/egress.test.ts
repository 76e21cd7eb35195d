/** The settings of the way out reach it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { onionName } from "../testing/onion-name.ts";
import { readConfig } from "./config.ts";
import { openEgress } from "./egress.ts";

const signal = new AbortController().signal;
const ask = (client: ReturnType<typeof openEgress>, url: string) => client.fetch({ url, method: "GET", signal });

test("ports are those of the setting", async () => {
  const client = openEgress(readConfig("tool", { EGRESS_PORTS: "80,4021" }));
  expect(await ask(client, "http://127.0.0.1:443/")).toMatchObject({
    failure: { kind: "port-refused", blame: "ours" },
  });
  expect(await ask(client, "http://127.0.0.1:4021/")).toMatchObject({ failure: { kind: "address-refused" } });
});

test("onion services need the proxy, and go there alone", async () => {
  const url = `http://${onionName(7)}/`;
  const without = openEgress(readConfig("tool", {}));
  expect(await ask(without, url)).toMatchObject({ failure: { kind: "address-refused", blame: "ours" } });

  const away = openEgress(readConfig("tool", { EGRESS_SOCKS_PROXY: "socks5h://127.0.0.1:9" }));
  expect(await ask(away, url)).toMatchObject({ failure: { kind: "connect", blame: "ours" } });
  expect(await ask(away, "http://127.0.0.1/")).toMatchObject({ failure: { kind: "address-refused" } });
});

test("only the pairs that the embedded world names may be on this machine", async () => {
  const server = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const config = readConfig("tool", {});
  expect(await ask(openEgress(config, [`127.0.0.1:${port}`]), `http://127.0.0.1:${port}/`)).toMatchObject({ ok: true });
  expect(await ask(openEgress(config), `http://127.0.0.1:${port}/`)).toMatchObject({ ok: false });
  server.close();
});

test.each(["80;443", "0", "65536", "http", ","])("EGRESS_PORTS=%s is refused", (EGRESS_PORTS) => {
  expect(() => readConfig("tool", { EGRESS_PORTS })).toThrow("EGRESS_PORTS");
});

test.each([
  "127.0.0.1:9050",
  "socks5://127.0.0.1:9050",
  "socks5h://user:word@127.0.0.1:9050",
  "socks5h://tor",
  "socks5h://tor:0",
])("EGRESS_SOCKS_PROXY=%s is refused", (EGRESS_SOCKS_PROXY) => {
  expect(() => readConfig("tool", { EGRESS_SOCKS_PROXY })).toThrow("EGRESS_SOCKS_PROXY");
});
