/** The page that checks, in a real browser: with a keyboard, under its policy, from the site and from a saved file. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Router } from "express";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pagesRouter } from "../apps/api/routes/get-pages.ts";
import { createApplication } from "../apps/api/server.ts";
import { createEvents } from "../apps/events.ts";
import { createLog } from "../apps/log.ts";
import { npub } from "../core/nip85/key-text.ts";
import { unixSeconds } from "../core/units.ts";
import { buildPages, findChromium, openBrowser } from "./browser.ts";
import { someDossier } from "./some-dossier.ts";

const chromium = findChromium();
if (chromium === undefined) process.stderr.write("no Chromium here: the pages are not tested in a browser\n");

const oracle = someDossier(unixSeconds(Math.floor(Date.now() / 1000) - 600));
const { aboutUrl, lines, pubkeys } = oracle;
const text = lines.map((line) => JSON.stringify(line)).join("\n");

describe.skipIf(chromium === undefined)("the page that checks", () => {
  let browser: Browser;
  let server: http.Server;
  let origin: string;
  let page: Page;
  const asked: string[] = [];
  const troubles: string[] = [];
  beforeAll(async () => {
    buildPages();
    const router = Router();
    router.get("/api/audit/dossier/:id", (request, response) => {
      if (request.params.id === aboutUrl.id) response.json({ data: { lines } });
      else response.status(404).json({});
    });
    const events = createEvents(createLog({ level: "fatal", name: "test" }));
    const routers = [pagesRouter(() => origin), router];
    server = http.createServer(createApplication({ trustProxy: "loopback", events, isStopping: () => false }, routers));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await openBrowser(chromium!);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function open(url = `${origin}/verify`): Promise<Page> {
    await page?.close();
    page = await browser.newPage();
    asked.length = 0;
    troubles.length = 0;
    page.on("request", (request) => asked.push(request.url()));
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("console", (message) => void (message.type() === "error" && troubles.push(message.text())));
    await page.goto(url);
    return page;
  }
  const states = () => page.locator("#result .findings li").allTextContents();
  const verdict = () => page.locator("#result .verdict").first().textContent();

  test("an honest dossier is valid, check by check, with the keyboard alone and without a request", async () => {
    await open();
    const loaded = asked.length;
    await page.getByLabel("Event, dossier or bundle").fill(text);
    await page.getByLabel("Key that should announce the author").fill(npub(pubkeys.brand));
    await page.getByRole("button", { name: "Check" }).focus();
    await page.keyboard.press("Enter");
    expect(await verdict()).toBe("VALID");
    expect((await states()).filter((state) => !state.startsWith("ok"))).toEqual([]);
    expect((await states()).join("\n")).toMatch(/announced: .*counts: recomputed.*recomputed: rank/s);
    expect(await page.evaluate("document.activeElement.id")).toBe("result");
    expect(asked.length).toBe(loaded);
    expect(asked.every((url) => url.startsWith(origin))).toBe(true);
    expect(troubles).toEqual([]);
  });

  test("a changed event is not, and says which check fails", async () => {
    await open();
    const tags = aboutUrl.tags.map((tag) => (tag[0] === "rank_high" ? ["rank_high", "100"] : tag));
    await page.getByLabel("Event, dossier or bundle").fill(JSON.stringify({ ...aboutUrl, tags }));
    await page.getByRole("button", { name: "Check" }).click();
    expect(await verdict()).toBe("NOT VALID");
    expect((await states()).filter((state) => state.startsWith("FAILED"))).toHaveLength(1);
  });

  test("what strangers write is text and nothing else", async () => {
    await open();
    await page.getByLabel("Event, dossier or bundle").fill('<img src=x onerror="document.title=1">');
    await page.getByRole("button", { name: "Check" }).click();
    expect(await verdict()).toBe("NOT VALID");
    expect(await page.locator("#result img").count()).toBe(0);
  });

  test("an id is looked up at the site; one that it does not have is said to be missing", async () => {
    await open();
    await page.getByLabel("Event, dossier or bundle").fill(aboutUrl.id);
    await page.getByRole("button", { name: "Check" }).click();
    await page.locator("#result .verdict").waitFor();
    expect(await verdict()).toMatch(/^VALID, as far as it could be checked: 1 open$/);
    await page.getByLabel("Event, dossier or bundle").fill("ab".repeat(32));
    await page.getByRole("button", { name: "Check" }).click();
    await page.getByText("this site does not have it").waitFor();
    expect(troubles.filter((trouble) => !trouble.includes("404"))).toEqual([]);
  });

  test("a link that names an event shows it at once", async () => {
    await open(`${origin}/verify#${aboutUrl.id}`);
    await page.locator("#result .verdict").waitFor();
    expect(await verdict()).toMatch(/^VALID/);
    expect(troubles).toEqual([]);
  });

  test("a saved copy works from a file, with a bundle from a file", async () => {
    await open(pathToFileURL(path.resolve("dist/pages/verify.html")).href);
    await page
      .getByLabel("Choose a file")
      .setInputFiles({ name: "kept.ndjson", mimeType: "text/plain", buffer: Buffer.from(text) });
    await page.getByText("kept.ndjson").waitFor();
    await page.getByLabel("Event, dossier or bundle").fill(aboutUrl.id);
    await page.getByRole("button", { name: "Check" }).click();
    expect(await verdict()).toMatch(/^VALID/);
    expect(asked.every((url) => url.startsWith("file:"))).toBe(true);
    expect(troubles).toEqual([]);
  });

  test("every control has a name, in the light and in the dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await open();
      await page.emulateMedia({ colorScheme });
      const nameless = await page
        .locator("input, textarea, button")
        .evaluateAll(
          (controls) =>
            (
              controls as unknown as { labels?: { length: number }; ariaLabel: string | null; textContent: string }[]
            ).filter(({ labels, ariaLabel, textContent }) => !labels?.length && !ariaLabel && !textContent.trim())
              .length,
        );
      // What a hint describes and no label names.
      expect(nameless).toBe(0);
    }
  });
});
