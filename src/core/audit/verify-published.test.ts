/** An honest oracle passes every check from one file; each lie fails the check that is about it, and what is missing is open. */
import { expect, test } from "vitest";
import { signAs, someDossier } from "../../testing/some-dossier.ts";
import { toHex, utf8 } from "../bytes.ts";
import { leafHash, rootOf } from "../merkle/tree.ts";
import type { SignedEvent } from "../nip85/event.ts";
import { KIND } from "../nip85/kinds.ts";
import { unixSeconds } from "../units.ts";
import { readDossier, sortLines } from "./dossier.ts";
import { verifyPublished } from "./verify-published.ts";

const now = unixSeconds(1_790_003_600);
const oracle = someDossier(unixSeconds(now - 600));
const { aboutUrl, aboutNode, heartbeat, list, lines, pubkeys, origin } = oracle;
const options = { now, brand: pubkeys.brand, origin };

const judge = (event: unknown, given: readonly unknown[] = lines, more: object = {}) =>
  verifyPublished(event, sortLines(given), { ...options, ...more });
const stateOf = (verdict: ReturnType<typeof judge>) =>
  Object.fromEntries(verdict.findings.map(({ name, holds }) => [name, holds]));
const failing = (verdict: ReturnType<typeof judge>) =>
  verdict.findings.filter(({ holds }) => holds === false).map(({ name }) => name);
const without = (line: unknown) => lines.filter((each) => each !== line);
const isLine = (name: string) => (line: unknown) => typeof line === "object" && line !== null && name in line;

test("an honest oracle passes every check, from lines or from the answer of the api", () => {
  const verdict = judge(aboutUrl);
  expect(verdict.findings.filter(({ holds }) => holds !== true)).toEqual([]);
  expect(verdict.findings.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["announced", "host", "current", "heartbeat", "evidence", "counts", "recomputed"]),
  );
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  for (const form of [text, JSON.stringify(lines), JSON.stringify({ data: { lines } })]) {
    expect(verifyPublished(aboutUrl, readDossier(form)!, options)).toEqual(verdict);
  }
  expect(verdict.believed.join()).toContain("left out");
});

test("all entries of the log show that none was left out", () => {
  const whole = oracle.entries.map((entry, i) => ({ entry: { position: String(i + 1), entry } }));
  const verdict = judge(aboutUrl, [...lines.filter((line) => !isLine("entry")(line)), ...whole]);
  expect(failing(verdict)).toEqual([]);
  expect(stateOf(verdict)).toMatchObject({ evidence: true, counts: true, recomputed: true });
  expect(verdict.believed.join()).not.toContain("left out");
});

const resigned = (change: (tags: string[][]) => string[][]): SignedEvent =>
  signAs("endpoint", { ...aboutUrl, tags: change(aboutUrl.tags) });
const saying = (name: string, value: string) =>
  resigned((tags) => tags.map((tag) => (tag[0] === name ? [name, value] : tag)));
const swap = (line: unknown, other: unknown) => lines.map((each) => (each === line ? other : each));
const firstEntry = lines.find(isLine("entry")) as { entry: { entry: string; path: string[]; position: string } };

test.each<{ name: string; event: SignedEvent; given?: readonly unknown[]; more?: object; want: string[] }>([
  { name: "a better rank than the calls give", event: saying("rank_high", "99"), want: ["recomputed"] },
  { name: "more calls than there were", event: saying("probe_cnt", "44"), want: ["counts"] },
  { name: "a lower price", event: saying("price_msat", "1"), want: ["counts"] },
  {
    name: "an entry that was changed",
    event: aboutUrl,
    given: swap(firstEntry, { entry: { ...firstEntry.entry, entry: firstEntry.entry.entry.replace("true", "false") } }),
    want: ["evidence"],
  },
  {
    name: "an entry without its proof",
    event: aboutUrl,
    given: swap(firstEntry, { entry: { ...firstEntry.entry, path: undefined } }),
    want: ["evidence"],
  },
  { name: "entries that were left out", event: aboutUrl, given: without(firstEntry), want: ["counts"] },
  {
    name: "an author that the brand does not list",
    event: aboutUrl,
    given: swap(list, signAs("brand", { ...list, tags: list.tags.filter(([, key]) => key !== pubkeys.endpoint) })),
    want: ["announced"],
  },
  { name: "a brand that somebody else is", event: aboutUrl, more: { brand: pubkeys.operator }, want: [] },
  {
    name: "a host that does not name the author",
    event: aboutUrl,
    given: lines.map((line) => (isLine("names")(line) ? { names: { origin, names: { _: pubkeys.brand } } } : line)),
    want: ["host"],
  },
  {
    name: "what was taken back by its address",
    event: aboutUrl,
    given: [
      ...lines,
      signAs("endpoint", {
        pubkey: pubkeys.endpoint,
        kind: KIND.deletion,
        created_at: aboutUrl.created_at + 1,
        content: "",
        tags: [["a", `30385:${pubkeys.endpoint}:${aboutUrl.tags[0]![1]}`]],
      }),
    ],
    want: ["current"],
  },
  {
    name: "what was replaced",
    event: aboutUrl,
    given: [...lines, signAs("endpoint", { ...aboutUrl, created_at: aboutUrl.created_at + 5 })],
    want: ["current"],
  },
  {
    name: "a proof of something else",
    event: aboutUrl,
    given: lines.map((line) =>
      isLine("standing")(line) ? { standing: { ...(line as { standing: object }).standing, index: 0 } } : line,
    ),
    want: ["heartbeat"],
  },
])("$name fails: $want", ({ event, given, more = {}, want }) => {
  expect(failing(judge(event, given ?? swap(aboutUrl, event), more))).toEqual(want);
});

test("a retraction or a newer version that is not the author's changes nothing", () => {
  const forged = { ...aboutUrl, created_at: aboutUrl.created_at + 5, id: "cd".repeat(32) };
  expect(failing(judge(aboutUrl, [...lines, forged]))).toEqual([]);
});

test("what is not at hand is open, and nothing is claimed of it", () => {
  const bare = judge(aboutNode, [], { brand: undefined, origin: undefined });
  expect(bare.holds).toBe(true);
  expect(stateOf(bare)).toMatchObject({ announced: undefined, current: undefined, heartbeat: undefined });
  const silent = judge(aboutUrl, lines, { now: unixSeconds(now + 8_000) });
  expect(stateOf(silent)).toMatchObject({ heartbeat: undefined });
  const unsigned = judge(aboutUrl, without(heartbeat));
  expect(stateOf(unsigned)).toMatchObject({ evidence: undefined, counts: true });
  expect(unsigned.believed.join()).toContain("nothing signed covers");
});

test("entries that are newer than what was signed last count, and are open", () => {
  const fewer = { ...heartbeat, tags: heartbeat.tags.map((tag) => (tag[0] === "evidence_tree" ? earlier() : tag)) };
  const unproved = lines.map((line) => {
    const { entry } = line as { entry?: { position: string; entry: string } };
    return entry && Number(entry.position) > 35 ? { entry: { position: entry.position, entry: entry.entry } } : line;
  });
  const given = unproved.map((line) => (line === heartbeat ? signAs("endpoint", fewer) : line));
  const whole = oracle.entries.map((entry, i) => ({ entry: { position: String(i + 1), entry } }));
  const verdict = judge(aboutUrl, [...given.filter((line) => !isLine("entry")(line)), ...whole]);
  expect(stateOf(verdict)).toMatchObject({ evidence: undefined, counts: true, recomputed: true });
});
const earlier = () => [
  "evidence_tree",
  "35",
  toHex(rootOf(oracle.entries.slice(0, 35).map((text) => leafHash(utf8(text))))),
];

test("no line that is wrong in any place breaks the reading", () => {
  const odd: unknown[] = [null, 7, "x", [], {}, { entry: {} }, { entry: { position: "1", entry: 7 } }, { names: 1 }];
  const grounds = lines.find(isLine("grounds")) as { grounds: Record<string, unknown> };
  for (const field of Object.keys(grounds.grounds))
    for (const value of [null, 1, "x", {}, []]) odd.push({ grounds: { ...grounds.grounds, [field]: value } });
  expect(failing(judge(aboutUrl, [...lines, ...odd]))).toEqual([]);
  expect(sortLines(odd).unread).toBeGreaterThan(20);
  for (const text of ["", "{", "[", "null", '{"data":7}', '{"data":{"lines":7}}', "\u0000"])
    expect(readDossier(text)?.events).toEqual([]);
});
