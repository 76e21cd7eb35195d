/** CLIP announcements: the vector that another implementation confirmed, and every way in which one can be wrong. */
import { expect, test } from "vitest";
import { announceNode, nodeKeyOf, signAsNode } from "../../testing/node-signature.ts";
import { toHex } from "../bytes.ts";
import { eventId, type SignedEvent } from "../nip85/event.ts";
import { unixSeconds } from "../units.ts";
import { nodeAddress, outdates, readNodeAnnouncement, signedText } from "./announcement.ts";
import { readNodeInfo } from "./node-info.ts";
import { nodeDigest, nodeThatSigned } from "./node-signature.ts";
import { fromZbase32 } from "./zbase32.ts";

const node = new Uint8Array(32).fill(0x05);
const person = new Uint8Array(32).fill(0x55);
const other = new Uint8Array(32).fill(0x66);
const AT = 1_790_000_000;
const NODE_KEY = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const PERSON_KEY = "9ac20335eb38768d2052be1dbbc3c8f6178407458e51e6b4ad22f1d91758895b";
const now = unixSeconds(AT + 10);

/** Made once and checked by an implementation in another language: id, digest and both signatures. */
const VECTOR = {
  withoutSignature: "cbc17a5996de4bfe1b85ba764043fdd35ec1cc2d1de362e713d6fc2fcf25e58c",
  digest: "90a6fcd031e71ef2be7319ce20ce0897dce3ef16587bcd272a0d4c35b1451894",
  signature: "d9xsqe7eox3fyuyr7bmaje8modhu68hdkhjdd1h51hcs3ttgpbe4yqrozjiz9uar31qcetdyfafb3hjej7yxa5zeugesbesgh4d64nh9",
  id: "f896add65432368c79d3dd13b3040ff12ab2761f94c1aeb674804ae6839f0cb2",
};
const vector: SignedEvent = {
  id: VECTOR.id,
  pubkey: PERSON_KEY,
  created_at: AT,
  kind: 38_171,
  tags: [
    ["d", NODE_KEY],
    ["k", "0"],
    ["sig", VECTOR.signature],
  ],
  content: "{}",
  sig: "00".repeat(64),
};

test("the known announcement: its ids, its digest, its signature and whom it binds", () => {
  expect(signedText(vector)).toBe(VECTOR.withoutSignature);
  expect(toHex(nodeDigest(VECTOR.withoutSignature))).toBe(VECTOR.digest);
  expect(nodeThatSigned(VECTOR.withoutSignature, VECTOR.signature)).toBe(NODE_KEY);
  expect(signAsNode(VECTOR.withoutSignature, node)).toBe(VECTOR.signature);
  expect(eventId(vector)).toBe(VECTOR.id);
  const read = readNodeAnnouncement(vector, now);
  expect(read).toEqual({ nodeKey: NODE_KEY, pubkey: PERSON_KEY, eventId: VECTOR.id, createdAt: AT });
  expect(nodeAddress(read as never)).toBe(`38171:${PERSON_KEY}:${NODE_KEY}`);
  expect(announceNode({ nodeSecret: node, secret: person, at: AT }).id).toBe(VECTOR.id);
});

const wrong = (change: Partial<SignedEvent>): SignedEvent => ({ ...vector, ...change });
const withSignature = (sig: string) =>
  wrong({
    tags: [
      ["d", NODE_KEY],
      ["k", "0"],
      ["sig", sig],
    ],
  });
const swapped = (at: number) => {
  const old = VECTOR.signature[at]!;
  return `${VECTOR.signature.slice(0, at)}${old === "y" ? "b" : "y"}${VECTOR.signature.slice(at + 1)}`;
};

test.each<[string, SignedEvent, string]>([
  ["another Nostr key shows it as its own", wrong({ pubkey: nodeKeyOf(other).slice(2) }), "node-signature"],
  ["the second is another", wrong({ created_at: AT + 1 }), "node-signature"],
  ["the content is another", wrong({ content: "" }), "node-signature"],
  ["a tag was added", wrong({ tags: [...vector.tags, ["relay", "wss://relay.example"]] }), "node-signature"],
  [
    "the order of the tags is another",
    wrong({ tags: [["k", "0"], ["d", NODE_KEY], vector.tags[2]!] }),
    "node-signature",
  ],
  ["one character of the signature is another", withSignature(swapped(50)), "node-signature"],
  ["the header of the signature is another", withSignature(swapped(1)), "node-signature"],
  ["a character no alphabet has", withSignature(`l${VECTOR.signature.slice(1)}`), "node-signature"],
  ["a signature that is too short", withSignature(VECTOR.signature.slice(1)), "node-signature"],
  ["a signature that is too long", withSignature(`${VECTOR.signature}y`), "node-signature"],
  ["a megabyte of signature", withSignature("y".repeat(1_048_576)), "node-signature"],
  ["nothing but zeros", withSignature("y".repeat(104)), "node-signature"],
  ["an empty signature", withSignature(""), "node-signature"],
  [
    "another node signed",
    announceNode({ nodeSecret: node, secret: person, at: AT, signed: (id) => signAsNode(id, other) }),
    "node-signature",
  ],
  [
    "the raw bytes of the id were signed, and not its digits",
    announceNode({
      nodeSecret: node,
      secret: person,
      at: AT,
      signed: (id) => signAsNode(Buffer.from(id, "hex").toString("latin1"), node),
    }),
    "node-signature",
  ],
  ["no signature", wrong({ tags: vector.tags.slice(0, 2) }), "form"],
  ["two signatures", wrong({ tags: [...vector.tags, vector.tags[2]!] }), "form"],
  ["two nodes", wrong({ tags: [...vector.tags, ["d", nodeKeyOf(other)]] }), "form"],
  ["two kinds", wrong({ tags: [...vector.tags, ["k", "0"]] }), "form"],
  ["another kind of announcement", wrong({ tags: [["d", NODE_KEY], ["k", "1"], vector.tags[2]!] }), "form"],
  ["another kind of event", wrong({ kind: 30_385 }), "form"],
  ["a key in capitals", wrong({ tags: [["d", NODE_KEY.toUpperCase()], ["k", "0"], vector.tags[2]!] }), "form"],
  ["a Nostr key for a node", wrong({ tags: [["d", PERSON_KEY], ["k", "0"], vector.tags[2]!] }), "form"],
  [
    "a content with words",
    announceNode({ nodeSecret: node, secret: person, at: AT, content: '{"about":"x"}' }),
    "form",
  ],
  ["a date eleven minutes ahead", announceNode({ nodeSecret: node, secret: person, at: AT + 671 }), "time"],
])("%s: refused", (_name, event, fault) => {
  expect(readNodeAnnouncement(event, now)).toBe(fault);
});

test("ten minutes ahead is the limit, and a node signs again for each announcement", () => {
  const ahead = announceNode({ nodeSecret: node, secret: person, at: AT + 610 });
  expect(readNodeAnnouncement(ahead, now)).toMatchObject({ nodeKey: NODE_KEY, createdAt: AT + 610 });
});

test("every node is recovered from what it signed, in any of the four forms of a signature", () => {
  const headers = new Set<number>();
  for (let seed = 1; seed <= 24; seed++) {
    const secret = new Uint8Array(32).fill(seed);
    const text = signAsNode(`message ${seed}`, secret);
    headers.add(fromZbase32(text)![0]!);
    expect(nodeThatSigned(`message ${seed}`, text)).toBe(nodeKeyOf(secret));
    expect(nodeThatSigned(`message ${seed}.`, text)).not.toBe(nodeKeyOf(secret));
  }
  expect([...headers].sort()).toEqual([31, 32]);
});

test("the later announcement stands against the earlier, and of one second the one with the lower id", () => {
  const [a, b] = ["0a".repeat(32), "0b".repeat(32)];
  const at = (createdAt: number, id: string) => ({ createdAt: unixSeconds(createdAt), eventId: id });
  expect(outdates(at(2, b), at(1, a))).toBe(true);
  expect(outdates(at(1, a), at(2, b))).toBe(false);
  expect(outdates(at(1, a), at(1, b))).toBe(true);
  expect(outdates(at(1, b), at(1, a))).toBe(false);
  expect(outdates(at(1, a), at(1, a))).toBe(false);
});

const info = (content: string, d = `1:${NODE_KEY}:mainnet`, k = "1") =>
  readNodeInfo(
    wrong({
      tags: [
        ["d", d],
        ["k", k],
      ],
      content,
    }),
  );
const from = { nodeKey: NODE_KEY, network: "mainnet", pubkey: PERSON_KEY, createdAt: AT };

test.each<[string, ReturnType<typeof info>, unknown]>([
  [
    "what is said is read",
    info('{"about":"A node","min_channel_size_sat":100000,"max_channel_size_sat":5000000}'),
    { ...from, about: "A node", minChannelSat: 100_000, maxChannelSat: 5_000_000 },
  ],
  ["nothing need be said", info(""), from],
  [
    "the smallest may be the largest",
    info('{"min_channel_size_sat":5,"max_channel_size_sat":5}'),
    { ...from, minChannelSat: 5, maxChannelSat: 5 },
  ],
  ["a smallest above the largest is no range", info('{"min_channel_size_sat":6,"max_channel_size_sat":5}'), from],
  ["what has no sense is left out", info('{"about":7,"min_channel_size_sat":"many","max_channel_size_sat":-1}'), from],
  ["lines and directions are taken out of words", info('{"about":"a\\nb\\u202ec"}'), { ...from, about: "a b c" }],
  [
    "a text that never ends is cut",
    info(JSON.stringify({ about: "x".repeat(60_000) })),
    { ...from, about: "x".repeat(500) },
  ],
  ["a list is no information", info("[]"), undefined],
  ["nor is what cannot be read", info("{"), undefined],
  ["nor what only a prototype has", info('{"__proto__":{"about":"x"}}'), from],
  ["an unknown network", info("", `1:${NODE_KEY}:fakenet`), undefined],
  ["a number that is not the kind's", info("", `0:${NODE_KEY}:mainnet`), undefined],
  ["the other kind of announcement", info("", NODE_KEY, "0"), undefined],
])("of a node: %s", (_name, got, want) => {
  expect(got).toEqual(want);
});
