/** Where a redirect leads, and what may go there. Source: RFC 9110, 15.4; stricter where a secret could be carried off. */
import type { HeaderLine, OutsideRequest } from "../../core/egress.ts";
import { parseUrl } from "../../core/url.ts";
import { Fault } from "./fault.ts";

const FOLLOWED = new Set([301, 302, 303, 307, 308]);
/** All that another origin gets to see. Everything else may be a credential. */
const HARMLESS = new Set(["accept", "accept-encoding", "accept-language", "user-agent"]);

type Question = Pick<OutsideRequest, "url" | "method" | "headers" | "body">;

/** The next question, or undefined when this answer is the last one. @throws Fault redirect-refused */
export function followRedirect(
  asked: Question,
  head: { status: number; headers: readonly HeaderLine[] },
): Question | undefined {
  if (!FOLLOWED.has(head.status)) return undefined;
  const places = head.headers.filter(([name]) => name.toLowerCase() === "location").map(([, value]) => value.trim());
  const [place] = places;
  if (place === undefined) return undefined;
  if (places.length > 1) throw refused("theirs", "to more than one place");
  const from = new URL(asked.url);
  const to = parseUrl(place, asked.url);
  if (!to) throw refused("theirs", "to what is not a URL");
  if (from.protocol === "https:" && to.protocol === "http:") throw refused("unknown", "from https to http");

  const becomesGet =
    (head.status === 303 && asked.method !== "HEAD") || (head.status <= 302 && asked.method === "POST");
  const elsewhere = from.origin !== to.origin;
  const keepsBody = !becomesGet && asked.body !== undefined;
  // Whoever gets the body would get what it says, and could act on it in our name.
  if (elsewhere && keepsBody) throw refused("unknown", "to another origin, with the body");
  return {
    url: to.href,
    method: becomesGet ? "GET" : asked.method,
    headers: Object.fromEntries(
      Object.entries(asked.headers ?? {}).filter(([name]) => {
        const lower = name.toLowerCase();
        return elsewhere ? HARMLESS.has(lower) : !becomesGet || !lower.startsWith("content-");
      }),
    ),
    body: keepsBody ? asked.body : undefined,
  };
}

function refused(blame: "theirs" | "unknown", where: string): Fault {
  return new Fault("redirect-refused", blame, where);
}
