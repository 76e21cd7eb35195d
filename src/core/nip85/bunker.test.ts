/** The lines that name remote signers: what is understood, and that a refusal names no secret. */
import { expect, test } from "vitest";
import { parseBunkers } from "./bunker.ts";
import { npub } from "./key-text.ts";
import { KEY_ROLES } from "./roles.ts";

const keyOf = (index: number) => (index + 10).toString(16).padStart(2, "0").repeat(32);
const uri = (signer: string, query = "relay=wss%3A%2F%2Fa.example&relay=ws://b.example&secret=hush") =>
  `bunker://${signer}?${query}`;
const lines = KEY_ROLES.map((role, index) => `${role} ${keyOf(index)} ${uri("ab".repeat(32))}`);
const put = (line: string) => [...lines.slice(0, 3), line].join("\n");

test("one line per role names its key, the signer, its relays and the secret", () => {
  const npubs = lines.map((line, index) => line.replace(keyOf(index), npub(keyOf(index))));
  expect(parseBunkers(npubs.join("  \n"))).toEqual(parseBunkers(lines.join(" ")));
  expect(parseBunkers(lines.join("\n"))[1]).toEqual({
    role: "lightning-node",
    pubkey: keyOf(1),
    signerPubkey: "ab".repeat(32),
    relays: ["wss://a.example", "ws://b.example"],
    secret: "hush",
  });
});

test.each([
  { name: "a line is missing", text: lines.slice(1).join("\n"), says: "4 lines" },
  { name: "a role is unknown", text: put(`chef ${keyOf(9)} ${uri("ab".repeat(32))}`), says: "line 4" },
  { name: "a key is none", text: put(`operator hush ${uri("ab".repeat(32))}`), says: "operator: the public key" },
  { name: "the URI is of another kind", text: put(`operator ${keyOf(9)} https://hush`), says: "no bunker://" },
  { name: "the signer is no key", text: put(`operator ${keyOf(9)} ${uri("hush")}`), says: "no bunker://" },
  {
    name: "no relay is named",
    text: put(`operator ${keyOf(9)} ${uri("ab".repeat(32), "secret=hush")}`),
    says: "relays",
  },
  {
    name: "a relay is none",
    text: put(`operator ${keyOf(9)} ${uri("ab".repeat(32), "relay=https://hush.example")}`),
    says: "relays",
  },
  {
    name: "the secret is empty",
    text: put(`operator ${keyOf(9)} ${uri("ab".repeat(32), "relay=wss://a.example&secret=")}`),
    says: "secret",
  },
])("when $name the refusal says so, and repeats nothing", ({ text, says }) => {
  expect(() => parseBunkers(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(() => parseBunkers(text)).toThrow(says);
  expect(() => parseBunkers(text)).not.toThrow("hush");
});
