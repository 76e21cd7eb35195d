/** A remote signer of another make signs over a real relay; a silent, refusing or lying one costs an error and nothing else. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { verifyEvent } from "nostr-tools/pure";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { type LocalRelay, startLocalRelay } from "../../apps/demo/relay/start.ts";
import { toHex } from "../../core/bytes.ts";
import type { Bunker } from "../../core/nip85/bunker.ts";
import type { UnsignedEvent } from "../../core/nip85/event.ts";
import { type BunkerOptions, type FakeBunker, startFakeBunker } from "../../testing/bunker.ts";
import { deriveServiceKey } from "./keys.ts";
import { type RemoteOptions, type RemoteSigner, remoteSigner } from "./remote-signer.ts";

const seed = new Uint8Array(32).map((_, index) => 5 * index + 3);
const user = deriveServiceKey(seed, "lightning-node");
const signer = deriveServiceKey(seed, "brand");
const client = deriveServiceKey(seed, "operator");
const other = deriveServiceKey(seed, "l402-endpoint");
const secret = "only-once-7f3a";
const draft = (index: number): UnsignedEvent => {
  return { pubkey: user.pubkey, created_at: 1_790_000_000, kind: 30_385, tags: [["d", `${index}`]], content: "" };
};

let relay: LocalRelay;
let dataDir: string;
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), "satrank-bunker-"));
  relay = await startLocalRelay({ dataDir, host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await relay.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function bunker(options: Partial<BunkerOptions> = {}): Promise<FakeBunker> {
  const opened = await startFakeBunker({ relay: relay.url, signer, user, secret, ...options });
  cleanups.push(opened.close);
  return opened;
}

function connect(change: Partial<Bunker> = {}, answerTimeoutMs = 400, options: RemoteOptions = {}): RemoteSigner {
  const relays = [relay.url];
  const named: Bunker = { role: "lightning-node", pubkey: user.pubkey, signerPubkey: signer.pubkey, relays, secret };
  const remote = remoteSigner([{ ...named, ...change }], client, {
    ...{ answerTimeoutMs, connectTimeoutMs: 1_000, restMs: 0 },
    ...options,
  });
  cleanups.push(remote.close);
  return remote;
}

test("it signs what it is asked for, in order, and is introduced once", async () => {
  const { requests } = await bunker();
  const remote = connect({}, 20_000);
  const drafts = Array.from({ length: 30 }, (_, index) => draft(index));
  const signed = [...(await remote.sign(drafts)), ...(await remote.sign([draft(30)]))];
  expect(signed.map(({ tags }) => tags[0]![1])).toEqual(Array.from({ length: 31 }, (_, index) => `${index}`));
  for (const event of signed) expect(verifyEvent(JSON.parse(JSON.stringify(event)))).toBe(true);
  expect(requests.slice(0, 2).map(({ method }) => method)).toEqual(["connect", "get_public_key"]);
  expect(requests[0]!.params[2]).toContain("sign_event:30385");
  expect(requests).toHaveLength(33);
});

test("after a restart the spent secret is refused, and the signer knows us all the same", async () => {
  await bunker();
  expect(await connect({}, 20_000).sign([draft(1)])).toHaveLength(1);
  expect(await connect({}, 20_000).sign([draft(2)])).toHaveLength(1);
});

test("a relay that is away is passed over for the next one", async () => {
  await bunker();
  const relays = ["ws://127.0.0.1:9", relay.url];
  expect(await connect({ relays }, 20_000).sign([draft(1)])).toHaveLength(1);
});

const spoilt = (spoil: (event: Record<string, unknown>) => object): NonNullable<BunkerOptions["misbehave"]> => {
  return (request, honest) => {
    const answer = honest();
    if (request.method !== "sign_event") return answer;
    return { result: JSON.stringify(spoil(JSON.parse(answer!.result!))) };
  };
};

test.each<{ name: string; options: Partial<BunkerOptions>; code: string }>([
  { name: "is silent", options: { misbehave: () => undefined }, code: "SIGNER_UNAVAILABLE" },
  {
    name: "falls silent",
    options: { misbehave: ({ method }, honest) => (method === "sign_event" ? undefined : honest()) },
    code: "SIGNER_UNAVAILABLE",
  },
  {
    name: "refuses",
    options: { misbehave: ({ method }, honest) => (method === "sign_event" ? { error: "no" } : honest()) },
    code: "SIGNER_REFUSED",
  },
  {
    name: "wants a browser",
    options: { misbehave: () => ({ result: "auth_url", error: "https://signer.example/" }) },
    code: "SIGNER_REFUSED",
  },
  { name: "does not know us", options: { secret: "another" }, code: "SIGNER_REFUSED" },
  { name: "signs with another key", options: { user: other }, code: "SIGNER_FAULTY" },
  {
    name: "claims our key and signs with another",
    options: {
      user: other,
      misbehave: ({ method }, honest) => (method === "get_public_key" ? { result: user.pubkey } : honest()),
    },
    code: "SIGNER_FAULTY",
  },
  {
    name: "changes a tag",
    options: { misbehave: spoilt((event) => ({ ...event, tags: [["d", "x"]] })) },
    code: "SIGNER_FAULTY",
  },
  {
    name: "changes the time",
    options: { misbehave: spoilt((event) => ({ ...event, created_at: 1 })) },
    code: "SIGNER_FAULTY",
  },
  {
    name: "names another author",
    options: { misbehave: spoilt((event) => ({ ...event, pubkey: other.pubkey })) },
    code: "SIGNER_FAULTY",
  },
  {
    name: "makes up an id",
    options: { misbehave: spoilt((event) => ({ ...event, id: "00".repeat(32) })) },
    code: "SIGNER_FAULTY",
  },
  {
    name: "makes up a signature",
    options: { misbehave: spoilt((event) => ({ ...event, sig: "11".repeat(64) })) },
    code: "SIGNER_FAULTY",
  },
  { name: "answers with no event", options: { misbehave: spoilt(() => []) }, code: "SIGNER_FAULTY" },
])("a signer that $name: $code", async ({ options, code }) => {
  await bunker(options);
  const signing = connect({}, code === "SIGNER_UNAVAILABLE" ? 400 : 20_000).sign([draft(1), draft(2)]);
  await expect(signing).rejects.toMatchObject({ code });
  const text = await signing.catch((error: Error) => `${error.message} ${error.stack}`);
  for (const key of [client, user, signer]) expect(text).not.toContain(toHex(key.secretKey));
  expect(text).not.toContain(secret);
});

test("a refusal that repeats our secret does not reach the error", async () => {
  await bunker({ misbehave: ({ method }) => (method === "connect" ? { result: "ack" } : { error: `bad ${secret}` }) });
  const signing = connect({}, 20_000).sign([draft(1)]);
  await expect(signing).rejects.toMatchObject({ message: expect.stringContaining("bad (secret)") });
});

test("a signer that comes back is used again", async () => {
  let silent = true;
  await bunker({ misbehave: (request, honest) => (silent && request.method === "sign_event" ? undefined : honest()) });
  const remote = connect({}, 3_000);
  await expect(remote.sign([draft(1)])).rejects.toMatchObject({ code: "SIGNER_UNAVAILABLE" });
  silent = false;
  expect(await remote.sign([draft(1)])).toHaveLength(1);
});

test("a signer that fell silent is not waited for again until it has had its rest", async () => {
  const { requests } = await bunker({ misbehave: () => undefined });
  const remote = connect({}, 400, { restMs: 3_600_000 });
  await expect(remote.sign([draft(1)])).rejects.toMatchObject({ code: "SIGNER_UNAVAILABLE" });
  const asked = requests.length;
  await expect(remote.sign([draft(1)])).rejects.toMatchObject({ code: "SIGNER_UNAVAILABLE" });
  expect(requests).toHaveLength(asked);
});

test("a signer that is too slow for a batch ends it", async () => {
  await bunker();
  const remote = connect({}, 20_000, { batchTimeoutMs: -1 });
  await expect(remote.sign([draft(1), draft(2)])).rejects.toMatchObject({
    code: "SIGNER_UNAVAILABLE",
    message: expect.stringContaining("0 of 2 signatures"),
  });
});

test.each<{ name: string; greet(send: (...message: unknown[]) => void): void }>([
  { name: "passes nothing on", greet: () => undefined },
  { name: "closes the subscription", greet: (send) => send("CLOSED", "signer", "restricted: no") },
  {
    name: "floods us",
    greet: (send) => {
      send("EOSE", "signer");
      for (let count = 0; count < 2_000; count++) send("NOTICE", "buy this");
    },
  },
  {
    name: "makes up answers",
    greet: (send) => {
      send("EOSE", "signer");
      const forged = {
        id: "00".repeat(32),
        pubkey: signer.pubkey,
        created_at: 1,
        kind: 24_133,
        tags: [],
        content: "AgAA",
        sig: "00".repeat(64),
      };
      send("EVENT", "signer", forged);
    },
  },
])("a relay that $name leaves the signer unavailable", async ({ greet }) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  cleanups.push(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on("connection", (socket) =>
    socket.once("message", () => greet((...message) => socket.send(JSON.stringify(message)))),
  );
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const remote = connect({ relays: [`ws://127.0.0.1:${port}`] });
  await expect(remote.sign([draft(1)])).rejects.toMatchObject({ code: "SIGNER_UNAVAILABLE" });
});

test("an author that no signer holds is refused before anybody is asked", async () => {
  const { requests } = await bunker();
  await expect(connect().sign([{ ...draft(1), pubkey: other.pubkey }])).rejects.toMatchObject({ code: "INTERNAL" });
  expect(requests).toEqual([]);
});
