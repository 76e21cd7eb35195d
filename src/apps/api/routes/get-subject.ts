/**
 * Where what is published leads: `/node/<key>` (the hint of an assertion), `/a/<naddr>` (kind 31990) and the site itself, which a key's
 * profile names. Each goes to the page that shows and checks what is meant.
 */
import { type Response, Router } from "express";
import { OracleError } from "../../../core/errors.ts";
import { readEntity } from "../../../core/nip85/entity.ts";
import { isNodeKey } from "../../../core/nip85/identifier.ts";

export type SubjectPorts = {
  /** The signed JSON of everything that stands about a subject, newest first. */
  findBySubject(subject: string): Promise<string[]>;
};

/** Longer than any name of an event that the page reads. */
const MAX_NAME = 4_096;

export function subjectRouter(ports: SubjectPorts): Router {
  const router = Router();
  const lead = (response: Response, text: string) => {
    response.locals["operation"] = "getPage";
    response.set("Cache-Control", "public, max-age=60").set("Referrer-Policy", "no-referrer");
    // Relative, so that whatever name the reader reached us by stays.
    response.redirect(302, `/verify${text === "" ? "" : `#${text}`}`);
  };
  router.get("/", (_request, response) => lead(response, ""));
  router.get("/a/:name", (request, response) => {
    const name = request.params.name;
    if (name.length > MAX_NAME || !readEntity(name))
      throw new OracleError("EVENT_MALFORMED", "the link names no event: note1…, nevent1… or naddr1…");
    lead(response, name.replace(/^nostr:/, ""));
  });
  router.get("/node/:key", async (request, response) => {
    const key = request.params.key.toLowerCase();
    if (!isNodeKey(key)) throw new OracleError("SUBJECT_MALFORMED", "66 hex digits of a node's key are needed");
    const [newest] = await ports.findBySubject(key);
    if (newest === undefined) throw new OracleError("SUBJECT_UNKNOWN", "nothing is published about this node");
    lead(response, JSON.parse(newest).id);
  });
  return router;
}
