/** A real browser for tests of pages: Debian's Chromium, without a screen and without a word to anybody. */
import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { type Browser, chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where Chromium is; undefined where there is none. @throws Error in CI, where it must be */
export function findChromium(): string | undefined {
  const found = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .flatMap((directory) => ["chromium", "chromium-browser", "google-chrome"].map((name) => path.join(directory, name)))
    .find(isExecutable);
  if (found === undefined && process.env["CI"] !== undefined) throw new Error("CI tests pages in Chromium: install it");
  return found;
}

export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS, chromiumSandbox: false });
}

/** Builds the pages as `make build` does. */
export function buildPages(): void {
  execFileSync("npm", ["run", "--silent", "pages"], { stdio: ["ignore", "ignore", "inherit"] });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
