/** The index and the quota against what they stand for: every filter of everybody held against every event. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseStored } from "./choose-stored.ts";
import { type Filter, readFilter } from "./filter.ts";
import { compareListed, type ListedEvent, listEvent, matches } from "./listed-event.ts";
import { createSubscriptionIndex } from "./subscription-index.ts";
import { createTokenBucket } from "./token-bucket.ts";

const key = fc.constantFrom("a", "b", "c").map((digit) => digit.repeat(64));
const word = fc.constantFrom("x", "y", "", "lightning:node");
const tag: fc.Arbitrary<string[]> = fc.oneof(
  fc.tuple(fc.constantFrom("d", "i", "k", "a", "K"), word),
  fc.tuple(fc.constantFrom("e", "p"), key),
  fc.tuple(fc.constantFrom("rank", "d"), word, word),
  fc.constant<string[]>(["d"]),
);
const event = fc
  .record({
    pubkey: key,
    created_at: fc.integer({ min: 0, max: 5 }),
    kind: fc.integer({ min: 0, max: 3 }),
    tags: fc.array(tag, { maxLength: 4 }),
  })
  .map((drawn) => ({ ...drawn, content: "", sig: "" }));
const events = fc
  .array(event, { maxLength: 30 })
  .map((drawn) =>
    drawn.map((each, i) => listEvent({ ...each, id: ((i * 7) % 31).toString(16).padStart(64, "0") }, `body ${i}`)),
  );
const some = <Value>(values: fc.Arbitrary<Value>) => fc.array(values, { maxLength: 3 });
const filter = fc
  .record(
    {
      ids: some(fc.integer({ min: 0, max: 30 }).map((id) => id.toString(16).padStart(64, "0"))),
      authors: some(key),
      kinds: some(fc.integer({ min: 0, max: 3 })),
      "#d": some(word),
      "#k": some(word),
      "#K": some(word),
      "#p": some(key),
      since: fc.integer({ min: 0, max: 5 }),
      until: fc.integer({ min: 0, max: 5 }),
      limit: fc.integer({ min: 0, max: 6 }),
    },
    { requiredKeys: [] },
  )
  .map((drawn) => readFilter(JSON.parse(JSON.stringify(drawn))) as Filter);
const filters = fc.array(filter, { minLength: 1, maxLength: 4 });

test("the index finds exactly those whose filters match, whoever came and went", () => {
  fc.assert(
    fc.property(events, fc.array(filters, { maxLength: 12 }), fc.array(fc.nat(11)), (listed, owners, gone) => {
      const index = createSubscriptionIndex<number>();
      for (const [owner, each] of owners.entries()) {
        index.add(owner, owners[0]!);
        index.add(owner, each);
      }
      for (const owner of gone) index.remove(owner);
      const left = [...owners.keys()].filter((owner) => !gone.includes(owner));
      expect(index.size).toBe(left.length);
      for (const each of listed) {
        const want = left.filter((owner) => owners[owner]!.some((one) => matches(one, each)));
        expect([...index.find(each)].sort()).toEqual(want.sort());
      }
    }),
  );
});

test("nothing stays behind in the index", () => {
  fc.assert(
    fc.property(events, filters, (listed, each) => {
      const index = createSubscriptionIndex<string>();
      index.add("gone", each);
      index.remove("gone");
      expect([index.size, ...index.owners()]).toEqual([0]);
      for (const one of listed) expect(index.find(one).size).toBe(0);
    }),
  );
});

test("an answer is the newest of each filter up to its limit, in order, each event once", () => {
  fc.assert(
    fc.property(events, filters, (listed, asked) => {
      const got = chooseStored(asked, listed, { default: 4, max: 5 });
      const order = [...listed].sort(compareListed);
      const want = new Set(asked.flatMap((one) => newest(one, order)));
      expect(got.events).toEqual(order.filter((each) => want.has(each)));
      const all = order.filter((each) => asked.some((one) => matches(one, each)));
      expect(got.hint).toBe(want.size === all.length ? "finish" : "more");
    }),
  );
});

/** With a default of 4 and a most of 5: a limit of ours goes on to the end of its second. */
function newest(filter: Filter, order: readonly ListedEvent[]): ListedEvent[] {
  const all = order.filter((each) => matches(filter, each));
  if (filter.limit !== undefined) return all.slice(0, Math.min(filter.limit, 5));
  const until = all[3]?.createdAt;
  return all.slice(0, all[4] && all[4].createdAt === until ? 5 : 4);
}

test.each([
  ["no object", [], "invalid: a filter is a JSON object"],
  ["null", null, "invalid: a filter is a JSON object"],
  ["an id that is too short", { ids: ["ab"] }, "invalid: ids is a list of 64 lower-case hex digits each"],
  ["upper case", { authors: ["A".repeat(64)] }, "invalid: authors is a list of 64 lower-case hex digits each"],
  ["a prefix in #p", { "#p": ["02".repeat(33)] }, "invalid: #p is a list of 64 lower-case hex digits each"],
  ["#e", { "#e": [1] }, "invalid: #e is a list of 64 lower-case hex digits each"],
  ["a kind as text", { kinds: ["1"] }, "invalid: kinds is a list of whole numbers from 0 to 65535"],
  ["a kind beyond", { kinds: [65_536] }, "invalid: kinds is a list of whole numbers from 0 to 65535"],
  ["half a kind", { kinds: [1.5] }, "invalid: kinds is a list of whole numbers from 0 to 65535"],
  ["kinds that are no list", { kinds: 1 }, "invalid: kinds is a list of whole numbers from 0 to 65535"],
  ["a negative limit", { limit: -1 }, "invalid: limit is a whole number, not negative"],
  ["a time as text", { since: "1" }, "invalid: since is a whole number, not negative"],
  ["no time", { until: null }, "invalid: until is a whole number, not negative"],
  ["a tag value that is no text", { "#d": [1] }, "invalid: #d is a list of strings of at most 1024 bytes"],
  [
    "a tag value that is too long",
    { "#d": ["é".repeat(513)] },
    "invalid: #d is a list of strings of at most 1024 bytes",
  ],
  ["a tag value with NUL", { "#d": ["a\0"] }, "invalid: #d is a list of strings of at most 1024 bytes"],
  ["search", { search: "node" }, "unsupported: the condition search"],
  ["a tag of two letters", { "#dd": ["x"] }, "unsupported: the condition #dd"],
  ["and-conditions", { "&d": ["x"] }, "unsupported: the condition &d"],
  ["a long name", { ["x".repeat(100)]: 1 }, `unsupported: the condition ${"x".repeat(32)}…`],
  ["__proto__", JSON.parse('{"__proto__": {"ids": []}}'), "unsupported: the condition __proto__"],
  ["too many values", { "#d": Array.from({ length: 1_001 }, String) }, "invalid: a filter has at most 1000 values"],
])("refused: %s", (_, given, refused) => {
  expect(readFilter(given)).toEqual({ refused });
});

test("the longest values are taken", () => {
  expect(readFilter({ "#d": ["é".repeat(512), "x".repeat(1_024), ""], "#Z": [], limit: 0 })).not.toHaveProperty(
    "refused",
  );
});

test("a store of permissions fills steadily up to its size", () => {
  const bucket = createTokenBucket({ perSec: 2, burst: 3 });
  const take = (at: number) => [0, 1, 2, 3].filter(() => bucket.take(at)).length;
  expect([take(1_000), take(1_400), take(1_500), take(2_500), take(60_000), take(59_000)]).toEqual([3, 0, 1, 2, 3, 0]);
});
