/** Headers as nostr-tools and rust-nostr write them, and every line of the check on its own. */
import { createHash } from "node:crypto";
import { EventBuilder, HttpData, HttpMethod, Keys, loadWasmSync, SecretKey } from "@rust-nostr/nostr-sdk";
import { getToken } from "nostr-tools/nip98";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { beforeAll, expect, test } from "vitest";
import { utf8 } from "../bytes.ts";
import { unixSeconds } from "../units.ts";
import { isReusable, readSignedRequest } from "./signed-request.ts";

const URL_ASKED = "https://oracle.example/api/claim?x=1&y=%20";
const AT = 1_790_000_000;
const secret = generateSecretKey();
const BODY = '{"a": 1}';
const digest = (text: string) => createHash("sha256").update(text).digest("hex");
beforeAll(() => {
  loadWasmSync();
});

type Change = { kind?: number; at?: number; tags?: string[][]; content?: string };
const TAGS = [
  ["u", URL_ASKED],
  ["method", "POST"],
  ["payload", digest(BODY)],
];
const eventOf = ({ kind = 27_235, at = AT, tags = TAGS, content = "" }: Change = {}) =>
  finalizeEvent({ kind, created_at: at, tags, content }, secret);
const encode = (value: unknown, encoding: BufferEncoding = "base64") =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString(encoding);
const header = (change: Change = {}) => `Nostr ${encode(eventOf(change))}`;

const post = { url: URL_ASKED, method: "POST", body: utf8(BODY), now: unixSeconds(AT) };
const read = (text: string, asked: Partial<Parameters<typeof readSignedRequest>[1]> = {}) => {
  const event = readSignedRequest(text, { ...post, ...asked });
  return typeof event === "string" ? event : event.pubkey;
};
const mine = getPublicKey(secret);
const instead = (...tags: string[][]) => [...TAGS.filter(([name]) => !tags.some(([other]) => other === name)), ...tags];

test.each<[string, () => string, string]>([
  ["as it should be", () => header(), mine],
  ["url-safe, without padding", () => `Nostr ${encode(eventOf(), "base64url")}`, mine],
  ["the scheme in small letters", () => header().replace("Nostr", "nostr"), mine],
  ["another scheme", () => header().replace("Nostr", "Bearer"), "header"],
  ["no scheme", () => encode(eventOf()), "header"],
  ["nothing", () => "", "header"],
  ["a header over 8 KiB", () => header({ content: "x".repeat(8_192) }), "header"],
  ["two credentials", () => `${header()}, ${header()}`, "header"],
  ["characters that are none", () => `${header()}!`, "header"],
  ["no JSON", () => `Nostr ${encode("{")}`, "header"],
  ["a list", () => `Nostr ${encode("[]")}`, "header"],
  ["no text", () => `Nostr ${Buffer.from([0xff, 0xfe]).toString("base64")}`, "header"],
  ["a key in capitals", () => `Nostr ${encode({ ...eventOf(), pubkey: mine.toUpperCase() })}`, "header"],
  ["a second that is none", () => `Nostr ${encode({ ...eventOf(), created_at: "now" })}`, "header"],
  ["tags that are none", () => `Nostr ${encode({ ...eventOf(), tags: [["u", 1]] })}`, "header"],
  ["another kind", () => header({ kind: 22_242 }), "kind"],
  ["a minute ago", () => header({ at: AT - 60 }), mine],
  ["more than a minute ago", () => header({ at: AT - 61 }), "time"],
  ["ten seconds ahead", () => header({ at: AT + 10 }), mine],
  ["further ahead", () => header({ at: AT + 11 }), "time"],
  ["no address", () => header({ tags: instead(["u"]) }), "url"],
  ["two addresses", () => header({ tags: [...TAGS, ["u", URL_ASKED]] }), "url"],
  ["another query", () => header({ tags: instead(["u", "https://oracle.example/api/claim?x=2"]) }), "url"],
  ["the same query, written otherwise", () => header({ tags: instead(["u", URL_ASKED.replace("%20", "+")]) }), "url"],
  ["another host", () => header({ tags: instead(["u", URL_ASKED.replace("oracle", "other")]) }), "url"],
  ["no method", () => header({ tags: instead(["method"]) }), "method"],
  ["two methods", () => header({ tags: [...TAGS, ["method", "POST"]] }), "method"],
  ["another method", () => header({ tags: instead(["method", "PUT"]) }), "method"],
  ["the method in small letters", () => header({ tags: instead(["method", "post"]) }), mine],
  ["no payload", () => header({ tags: TAGS.slice(0, 2) }), "payload"],
  ["two payloads", () => header({ tags: [...TAGS, TAGS[2]!] }), "payload"],
  ["another payload", () => header({ tags: instead(["payload", digest("{}")]) }), "payload"],
  ["a payload in capitals", () => header({ tags: instead(["payload", digest(BODY).toUpperCase()]) }), "payload"],
  ["a nonce beside", () => header({ tags: [...TAGS, ["nonce", "x"]] }), mine],
])("%s", (_name, text, want) => {
  expect(read(text())).toBe(want);
});

test.each(["POST", "PUT", "PATCH", "DELETE"])("the body of a %s must be signed", (method) => {
  const unsaid = header({
    tags: [
      ["u", URL_ASKED],
      ["method", method],
    ],
  });
  expect(read(unsaid, { method })).toBe("payload");
  expect(read(unsaid, { method, body: undefined })).toBe(mine);
  const said = header({ tags: instead(["method", method]) });
  expect(read(said, { method })).toBe(mine);
  // Whoever takes the body away makes another request of it.
  expect(read(said, { method, body: undefined })).toBe("payload");
});

test("nothing, signed as such, is no body", () => {
  const empty = header({ tags: instead(["payload", digest("")]) });
  expect(read(empty, { body: undefined })).toBe(mine);
  expect(read(empty)).toBe("payload");
});

test.each(["get", "POST", "DELETE"])("nostr-tools signs a %s", async (method) => {
  const body = method === "get" ? undefined : { signature: "y" };
  const token = await getToken(
    URL_ASKED,
    method,
    (event) => finalizeEvent({ ...event, created_at: AT }, secret),
    true,
    body,
  );
  const asked = { method: method.toUpperCase(), body: body && utf8(JSON.stringify(body)) };
  expect(read(token, asked)).toBe(mine);
  expect(read(token, { ...asked, body: utf8("{}") })).toBe("payload");
  const bare = await getToken(
    URL_ASKED,
    method,
    (event) => finalizeEvent({ ...event, created_at: AT }, secret),
    false,
    body,
  );
  expect(read(bare, asked)).toBe("header");
});

test("rust-nostr signs a GET", () => {
  const keys = new Keys(SecretKey.parse(Buffer.from(secret).toString("hex")));
  const event = EventBuilder.httpAuth(new HttpData(URL_ASKED, HttpMethod.GET)).signWithKeys(keys);
  const now = unixSeconds(JSON.parse(event.asJson()).created_at);
  expect(read(`Nostr ${encode(event.asJson())}`, { method: "GET", body: undefined, now })).toBe(mine);
});

test("what changes nothing may be asked again with one signature", () => {
  expect(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].filter(isReusable)).toEqual(["GET", "HEAD"]);
});
