/** The page that follows, in a real browser with a made-up signer and relays that keep what they are sent. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { schnorr } from "@noble/curves/secp256k1.js";
import { Router } from "express";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { pagesRouter } from "../apps/api/routes/get-pages.ts";
import { createApplication } from "../apps/api/server.ts";
import { createEvents } from "../apps/events.ts";
import { createLog } from "../apps/log.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { providerTags } from "../core/nip85/announcement.ts";
import { eventId, publicKeyOf, type SignedEvent, type UnsignedEvent } from "../core/nip85/event.ts";
import { KIND } from "../core/nip85/kinds.ts";
import { buildPages, findChromium, openBrowser } from "./browser.ts";

const chromium = findChromium();
const SECRET = fromHex("55".repeat(32))!;
const USER = publicKeyOf(SECRET);
const keys = { "lightning-node": "aa".repeat(32), "l402-endpoint": "bb".repeat(32), operator: "cc".repeat(32) };
const tags = providerTags(keys, "wss://oracle.example/relay");
const optional = [["30382:rank", keys.operator, "wss://oracle.example/relay"]];

function sign(event: UnsignedEvent): SignedEvent {
  const id = eventId(event);
  return { ...event, id, sig: toHex(schnorr.sign(fromHex(id)!, SECRET)) };
}
const listOf = (tags: string[][], createdAt: number, content = ""): SignedEvent =>
  sign({ pubkey: USER, kind: KIND.providers, created_at: createdAt, tags, content });

/** Keeps what it is sent; `isMute` takes questions and answers none. */
async function openRelay() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise<void>((resolve) => server.once("listening", () => resolve()));
  const relay = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events: [] as SignedEvent[],
    isMute: false,
    close: () => server.close(),
  };
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const [type, first, filter] = JSON.parse(String(data));
      if (relay.isMute) return socket.close();
      if (type === "EVENT") {
        relay.events.push(first);
        return socket.send(JSON.stringify(["OK", first.id, true, ""]));
      }
      for (const event of relay.events)
        if (filter.kinds.includes(event.kind)) socket.send(JSON.stringify(["EVENT", first, event]));
      socket.send(JSON.stringify(["EOSE", first]));
    });
  });
  return relay;
}

describe.skipIf(chromium === undefined)("the page that follows", () => {
  let browser: Browser;
  let server: http.Server;
  let origin: string;
  let page: Page;
  let relays: Awaited<ReturnType<typeof openRelay>>[];
  /** What the signer gives back for what it is given. */
  let signer: (event: UnsignedEvent) => unknown;
  beforeAll(async () => {
    buildPages();
    relays = [await openRelay(), await openRelay()];
    const router = Router();
    router.get("/api/nostr/providers", (_request, response) => void response.json({ data: { tags, optional } }));
    const events = createEvents(createLog({ level: "fatal", name: "test" }));
    const routers = [pagesRouter(() => origin), router];
    server = http.createServer(createApplication({ trustProxy: "loopback", events, isStopping: () => false }, routers));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await openBrowser(chromium!);
  });
  afterAll(async () => {
    await browser?.close();
    for (const relay of relays ?? []) relay.close();
    server?.close();
  });
  beforeEach(async () => {
    signer = sign;
    for (const relay of relays) Object.assign(relay, { events: [], isMute: false });
    await page?.close();
    page = await browser.newPage();
    await page.exposeFunction("signThis", (event: UnsignedEvent) => signer(event));
    await page.addInitScript(
      `window.nostr = { getPublicKey: async () => ${JSON.stringify(USER)}, signEvent: (event) => window.signThis(event) }`,
    );
    await page.goto(`${origin}/follow`);
  });
  const readList = async (...urls: string[]) => {
    await page.getByLabel("Your write relays, one a line").fill(urls.join("\n"));
    await page.getByRole("button", { name: "Read my list" }).click();
    await page.locator("#result p").first().waitFor();
  };
  const publish = async () => {
    await page.getByRole("button", { name: "Sign and publish" }).click();
    await page.locator("#sent > *").first().waitFor();
  };

  test("adds ours to the newest list, which another write relay has, and leaves all else as it is", async () => {
    const [first, second] = relays as [(typeof relays)[0], (typeof relays)[0]];
    const foreign = [["30382:rank", "ee".repeat(32), "wss://other.example"], ["odd"]];
    first.events = [
      listOf([["30382:rank", "dd".repeat(32)]], 1_700_000_000),
      sign({ pubkey: USER, kind: KIND.relayList, created_at: 1, tags: [["r", second.url, "write"]], content: "" }),
    ];
    const forged = { ...listOf([], 1_900_000_001), content: "not mine" };
    second.events = [listOf(foreign, 1_900_000_000, "secret?iv=x"), forged];
    await readList(first.url);
    expect(await page.locator("#result").textContent()).toContain(`2 entries stay, ${tags.length} are added`);
    await publish();
    for (const relay of [first, second]) {
      const newest = relay.events.at(-1)!;
      expect(newest.tags).toEqual([...foreign, ...tags]);
      expect(newest).toMatchObject({ content: "secret?iv=x", created_at: 1_900_000_001, kind: KIND.providers });
    }
    await readList(first.url, second.url);
    expect(await page.locator("#result").textContent()).toContain("nothing to sign");
    expect(await page.getByRole("button", { name: "Sign and publish" }).isDisabled()).toBe(true);
  });

  test("without a list nothing is signed until its owner says that there is none", async () => {
    await readList(relays[0]!.url);
    const button = page.getByRole("button", { name: "Sign and publish" });
    expect(await button.isDisabled()).toBe(true);
    await page.getByLabel("I have no list yet: make one").check();
    expect(await page.locator("#result").textContent()).not.toContain('"30382:rank"');
    await publish();
    expect(relays[0]!.events.at(-1)!.tags).toEqual(tags);
  });

  test("people are ranked only when that is asked for", async () => {
    relays[0]!.events = [listOf([], 1_700_000_000)];
    await readList(relays[0]!.url);
    await page.getByLabel("Also rank people", { exact: false }).check();
    expect(await page.locator("#result").textContent()).toContain('"30382:rank"');
  });

  test("a relay that does not answer may have a newer list: nothing is offered to sign", async () => {
    relays[1]!.isMute = true;
    await readList(relays[0]!.url, relays[1]!.url);
    expect(await page.locator("#result").textContent()).toContain("No answer from");
    expect(await page.getByRole("button", { name: "Sign and publish" }).isVisible()).toBe(false);
  });

  test.each([
    ["another event", (event: UnsignedEvent) => sign({ ...event, tags: [] })],
    ["no signature", (event: UnsignedEvent) => ({ ...sign(event), sig: "00".repeat(64) })],
    ["nothing", () => null],
  ])("a signer that gives back %s is not believed", async (_name, answer) => {
    relays[0]!.events = [listOf([["odd"]], 1_700_000_000)];
    signer = answer;
    await readList(relays[0]!.url);
    await publish();
    expect(await page.locator("#sent").textContent()).toContain("nothing was sent");
    expect(relays[0]!.events).toHaveLength(1);
  });
});
