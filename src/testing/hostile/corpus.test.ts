/** What there is of hostile input for the way out. The tests beside each adapter run it; this one counts it. */
import { expect, test } from "vitest";
import { HOSTILE_FRAMING } from "./framing.ts";
import { HOSTILE_HANDSHAKES } from "./handshakes.ts";
import { HOSTILE_PACE } from "./pace.ts";
import { HOSTILE_REDIRECTS } from "./redirects.ts";
import { HOSTILE_RESOLVERS } from "./resolvers.ts";
import { HOSTILE_SIZES } from "./sizes.ts";
import { HOSTILE_URLS } from "./urls.ts";

type Case = { name: string; want: unknown };
const CORPUS: Record<string, readonly Case[]> = {
  urls: HOSTILE_URLS.map(([name, want]) => ({ name, want })),
  resolvers: HOSTILE_RESOLVERS,
  handshakes: HOSTILE_HANDSHAKES,
  framing: HOSTILE_FRAMING,
  sizes: HOSTILE_SIZES,
  pace: HOSTILE_PACE,
  redirects: HOSTILE_REDIRECTS,
};
const cases = Object.values(CORPUS).flat();
const harmless = cases.filter(({ want }) => ["ok", "answer", "followed"].includes(String(want)));
const counts = Object.entries(CORPUS).map(([part, those]) => `${those.length} ${part}`);

test(`${cases.length} hostile cases for the way out (${counts.join(", ")}), all but ${harmless.length} end in a failure`, () => {
  for (const those of Object.values(CORPUS)) expect(new Set(those.map(({ name }) => name)).size).toBe(those.length);
  expect(cases.length - harmless.length).toBeGreaterThan(400);
});
