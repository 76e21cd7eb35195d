/**
 * GET /api/audit/bundle: every event that is published now, as signed, one a line. Free. Whoever keeps it can read without us, and check
 * a key's heartbeat against all that the key says.
 */
import { type Request, type Response, Router } from "express";
import { OracleError } from "../../../core/errors.ts";
import { parsePublicKey } from "../../../core/nip85/key-text.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";

export type BundlePorts = LimitPorts & {
  saidPage(
    after: bigint,
    page: { pubkey: string | undefined; now: UnixSeconds; limit: number },
  ): Promise<{ place: bigint; body: string }[]>;
  takeBundle: TakeOne;
  now(): UnixSeconds;
};

const PAGE = 500;
/** Streams at once, of one process. */
const MOST_STREAMS = 4;
/** A reader that takes nothing for so long is left. */
const SLOW_MS = 30_000;

export function bundleRouter(ports: BundlePorts): Router {
  let streams = 0;
  const router = Router();
  router.get("/api/audit/bundle", async (request, response) => {
    response.locals["operation"] = "getBundle";
    await holdToLimit(ports, "bundle", ports.takeBundle, request, response);
    const pubkey = authorOf(request);
    if (streams >= MOST_STREAMS)
      throw new OracleError("OVERLOADED", "other bundles are being sent: repeat in a moment");
    streams++;
    try {
      await send(ports, pubkey, response);
    } finally {
      streams--;
    }
  });
  return router;
}

/** @throws VALIDATION_FAILED */
function authorOf(request: Request): string | undefined {
  const { author, ...rest } = request.query;
  if (Object.keys(rest).length > 0) throw new OracleError("VALIDATION_FAILED", "only author can be asked for");
  if (author === undefined) return undefined;
  const pubkey = typeof author === "string" ? parsePublicKey(author) : undefined;
  if (pubkey === undefined) throw new OracleError("VALIDATION_FAILED", "author: npub or 64 hex digits");
  return pubkey;
}

/** A page at a time, and no faster than it is read. */
async function send(ports: BundlePorts, pubkey: string | undefined, response: Response): Promise<void> {
  response.set("Cache-Control", "no-store").type("application/x-ndjson");
  const now = ports.now();
  let after = 0n;
  for (;;) {
    const page = await ports.saidPage(after, { pubkey, now, limit: PAGE });
    const text = page.map(({ body }) => `${body}\n`).join("");
    if (page.length > 0 && !response.write(text) && !(await drained(response))) return;
    if (page.length < PAGE || response.destroyed) break;
    after = page.at(-1)!.place;
  }
  response.end();
}

/** False when the reader is gone, or as good as. */
function drained(response: Response): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (goesOn: boolean) => {
      clearTimeout(timer);
      response.off("drain", onDrain).off("close", onClose);
      resolve(goesOn);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const timer = setTimeout(() => {
      settle(false);
      response.destroy();
    }, SLOW_MS);
    response.on("drain", onDrain).on("close", onClose);
  });
}
