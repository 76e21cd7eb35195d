/** Signatures from a thread: beside the event loop, again after a crash, and not at all once it cannot be trusted. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { verifyEvent } from "nostr-tools/pure";
import { afterAll, afterEach, expect, test } from "vitest";
import { deriveServiceKey } from "../adapters/nostr/keys.ts";
import { errorCode } from "../core/errors.ts";
import { standingRoot } from "../core/nip85/standing-set.ts";
import { openSigningThread, type SigningThread } from "./signing-thread.ts";

const folder = mkdtempSync(join(tmpdir(), "satrank-signing-"));
afterAll(() => rmSync(folder, { recursive: true }));

const secret = new Uint8Array(32).map((_, index) => 7 * index + 1);
const keys = [deriveServiceKey(secret, "lightning-node"), deriveServiceKey(secret, "brand")];
const events = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const { pubkey } = keys[index % 2]!;
    return { pubkey, created_at: 1_790_000_000 + index, kind: 1, tags: [["d", `${index}`]], content: "" };
  });

let thread: SigningThread | undefined;
let services = 0;
afterEach(() => thread?.close());

test("several batches come back in order, signed by whom they name, while other work has its turns", async () => {
  let fallbacks = 0;
  thread = openSigningThread(keys, () => fallbacks++);
  let turns = 0;
  let running = true;
  const count = () => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const drafts = events(600);
  const signed = await thread.sign(drafts);
  running = false;
  expect(signed.map(({ id: _id, sig: _sig, ...draft }) => draft)).toEqual(drafts);
  for (const event of [signed[0], signed[1], signed[599]])
    expect(verifyEvent(JSON.parse(JSON.stringify(event)))).toBe(true);
  // Signing here instead would leave it no turn at all within a batch.
  expect(turns).toBeGreaterThan(60);
  expect(fallbacks).toBe(0);
});

test("the root of a set is the same as without a thread", async () => {
  thread = openSigningThread(keys, () => undefined);
  const set = [2, 1, 3].map((each) => ({ kind: 30_385, d: `https://a.example/${each}`, id: `${each}`.repeat(64) }));
  expect(await thread.standingRoot(set)).toBe(standingRoot(set));
});

test("an author whose key it has not is refused before anything is signed, and nothing is secret in the refusal", async () => {
  thread = openSigningThread(keys, () => undefined);
  const stranger = deriveServiceKey(secret, "operator");
  const signing = thread.sign([...events(1), { ...events(1)[0]!, pubkey: stranger.pubkey }]);
  await expect(signing).rejects.toMatchObject({ code: "INTERNAL", message: `no key to sign for ${stranger.pubkey}` });
});

test("a thread that dies is started again, is given the keys again, and its batch again", async () => {
  thread = openSigningThread(keys, () => undefined, dyingOnce("sign"));
  const signed = await thread.sign(events(3));
  expect(signed.map(({ sig }) => sig)).toEqual(["keys: 2", "keys: 2", "keys: 2"]);
});

test("of two batches that were with a thread that died, both are signed", async () => {
  thread = openSigningThread(keys, () => undefined, dyingOnce("sign", "two"));
  const both = await Promise.all([thread.sign(events(2)), thread.sign(events(3))]);
  expect(both.map((signed) => signed.map(({ sig }) => sig))).toEqual([
    ["keys: 2", "keys: 2"],
    ["keys: 2", "keys: 2", "keys: 2"],
  ]);
});

test("a thread that cannot even be given its keys at first is started again", async () => {
  thread = openSigningThread(keys, () => undefined, dyingOnce("load"));
  expect(await thread.sign(events(1))).toHaveLength(1);
});

test("a thread that always dies fails the batch, and what is asked of it next is tried again", async () => {
  thread = openSigningThread(keys, () => undefined, served("sign: () => process.exit(3)"));
  expect(await thread.sign(events(1)).catch(errorCode)).toBe("INTERNAL");
  expect(await thread.sign(events(1)).catch(errorCode)).toBe("INTERNAL");
});

test("once two implementations disagree, nothing is signed any more", async () => {
  const faulty = `sign: () => { throw new OracleError("SIGNER_FAULTY", "disagreement " + ++asked); }`;
  thread = openSigningThread(keys, () => undefined, served(faulty));
  const refusal = { code: "SIGNER_FAULTY", message: "disagreement 1" };
  await expect(thread.sign(events(600))).rejects.toMatchObject(refusal);
  await expect(thread.sign(events(1))).rejects.toMatchObject(refusal);
});

test("that noble had to take over is told once", async () => {
  let told = 0;
  const slow = `sign: (events) => ({ library: "noble", signed: events })`;
  thread = openSigningThread(keys, () => told++, served(slow));
  await thread.sign(events(600));
  await thread.sign(events(1));
  expect(told).toBe(1);
});

/** A service that ends its thread at the first call of a method, in the first of its lives. */
function dyingOnce(method: "sign" | "load", name = "one"): string {
  const mark = join(folder, `died-${method}-${name}`);
  const die = `if (!existsSync(${JSON.stringify(mark)})) { writeFileSync(${JSON.stringify(mark)}, ""); process.exit(3); }`;
  return served(
    `load: (keys) => { ${method === "load" ? die : ""} held = keys; },
     sign: (events) => {
       ${method === "sign" ? die : ""}
       return { library: "wasm", signed: events.map(() => ({ id: "", sig: "keys: " + held.length })) };
     }`,
  );
}

/** A service in a file of its own, under the name that the signing thread has. */
function served(methods: string): string {
  const source = `
    import { existsSync, writeFileSync } from "node:fs";
    import { serveThread } from ${JSON.stringify(new URL("./thread.ts", import.meta.url).href)};
    import { OracleError } from ${JSON.stringify(new URL("../core/errors.ts", import.meta.url).href)};
    let held = [];
    let asked = 0;
    const service = { load: () => undefined, ${methods} };
    serveThread("signing", { ...service, signBeside: service.sign });`;
  const file = join(folder, `signing-${++services}.ts`);
  writeFileSync(file, source);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  return pathToFileURL(file).href;
}
