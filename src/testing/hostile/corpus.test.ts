/** What there is of hostile input for the way out. The tests beside each adapter run it; this one counts it. */
import { expect, test } from "vitest";
import { HOSTILE_FRAMING } from "./framing.ts";
import { HOSTILE_HANDSHAKES } from "./handshakes.ts";
import { HOSTILE_PACE } from "./pace.ts";
import { HOSTILE_REDIRECTS } from "./redirects.ts";
import { HOSTILE_RESOLVERS } from "./resolvers.ts";
import { HOSTILE_SIZES } from "./sizes.ts";
import { HOSTILE_URLS } from "./urls.ts";

const CORPUS = {
  urls: HOSTILE_URLS.map(([url]) => url),
  resolvers: HOSTILE_RESOLVERS.map(({ name }) => name),
  handshakes: HOSTILE_HANDSHAKES.map(({ name }) => name),
  framing: HOSTILE_FRAMING.map(({ name }) => name),
  sizes: HOSTILE_SIZES.map(({ name }) => name),
  pace: HOSTILE_PACE.map(({ name }) => name),
  redirects: HOSTILE_REDIRECTS.map(({ name }) => name),
};
const counts = Object.entries(CORPUS).map(([part, names]) => `${names.length} ${part}`);
const total = Object.values(CORPUS).flat().length;

test(`${total} hostile cases for the way out: ${counts.join(", ")}`, () => {
  for (const names of Object.values(CORPUS)) expect(new Set(names).size).toBe(names.length);
  expect(total).toBeGreaterThan(400);
});
