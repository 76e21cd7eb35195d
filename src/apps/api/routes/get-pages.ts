/**
 * GET /verify and /follow, with what they load: pages that work in the reader's browser alone. Strict about what they may load (CSP), and
 * plain files beside each other, so that a saved copy works without us.
 */
import { readFileSync } from "node:fs";
import { Router } from "express";
import { OracleError } from "../../../core/errors.ts";

/** Made by `make build` (package.json, `pages`). */
const BUILT = new URL("../../../../dist/pages/", import.meta.url);
const TYPES = { html: "text/html", css: "text/css", js: "text/javascript" } as const;
const FILES: readonly [path: string, file: string, type: keyof typeof TYPES][] = [
  ["/verify", "verify.html", "html"],
  ["/verify.js", "verify.js", "js"],
  ["/follow", "follow.html", "html"],
  ["/follow.js", "follow.js", "js"],
  ["/page.css", "page.css", "css"],
];
const KEPT = "public, max-age=300";

/** Scripts and styles are ours, connections go to `connect`, and nothing else is loaded. */
function policy(connect: string): string {
  const own = "script-src 'self'; style-src 'self'";
  const none = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return `${none}; ${own}; connect-src ${connect}; require-trusted-types-for 'script'`;
}

/** `origin` is where readers reach the site: a page may ask it and its relay. */
export function pagesRouter(origin: () => string): Router {
  const router = Router();
  for (const [path, file, type] of FILES) {
    router.get(path, (_request, response) => {
      response.locals["operation"] = "getPage";
      // A reader's own list is on relays of the reader's choice.
      const beside = path === "/follow" ? "wss: ws:" : origin().replace(/^http/, "ws");
      response.set("Content-Security-Policy", policy(`'self' ${origin()} ${beside}`));
      response.set("Referrer-Policy", "no-referrer").set("Cache-Control", KEPT);
      response.type(TYPES[type]).send(readBuilt(file));
    });
  }
  return router;
}

/** @throws ROUTE_UNKNOWN in a work tree that was not built */
function readBuilt(file: string): Buffer {
  try {
    return readFileSync(new URL(file, BUILT));
  } catch (cause) {
    throw new OracleError("ROUTE_UNKNOWN", "this page was not built: make build", { cause });
  }
}
