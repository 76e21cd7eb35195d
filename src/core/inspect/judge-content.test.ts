/** A labelled corpus of bodies: each is held to its type and to what was promised, never to words that occur in it. */
import { expect, test } from "vitest";
import { utf8 } from "../bytes.ts";
import type { Promised } from "../endpoint/listing.ts";
import { judgeContent } from "./judge-content.ts";

const JSON_TYPE = "application/json";
const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]);

const GOOD: [string, string | undefined, string | Uint8Array, Promised?][] = [
  ["an object", JSON_TYPE, '{"temperature":21}'],
  ["a list", "application/json; charset=utf-8", "[1,2,3]"],
  ["a number", JSON_TYPE, "42"],
  ["false is an answer", JSON_TYPE, "false"],
  ["the promised fields and more", JSON_TYPE, '{"a":1,"b":2}', { contentType: JSON_TYPE, fields: ["a"] }],
  ["a promised field named error", JSON_TYPE, '{"error":0.02}', { fields: ["error"] }],
  ["an error margin among results", JSON_TYPE, '{"error":0.1,"value":3}'],
  ["errors: none", JSON_TYPE, '{"errors":[],"data":{"x":1}}'],
  [
    "an article about errors",
    "text/html",
    "<h1>Error 500 and how to mend it</h1><p>Invalid requests, failed payments</p>",
  ],
  ["plain text", "text/plain", "sunny"],
  ["other JSON", "application/geo+json", '{"type":"Point"}', { contentType: JSON_TYPE }],
  ["an image", "image/png", png],
  ["any image", "image/png", png, { contentType: "image/*" }],
  ["a PDF", "application/pdf", "%PDF-1.7"],
  ["a type nobody can check", "application/octet-stream", "x"],
  ["a type that only the listing names", undefined, '{"a":1}', { contentType: JSON_TYPE }],
  ["a success flag beside the data", JSON_TYPE, '{"success":true,"data":[1]}'],
  ["deep nesting", JSON_TYPE, `${"[".repeat(10_000)}1${"]".repeat(10_000)}`],
];

const BAD: [string, string | undefined, string | Uint8Array, string, Promised?][] = [
  ["nothing", JSON_TYPE, "", "EMPTY"],
  ["an empty object", JSON_TYPE, "{}", "EMPTY"],
  ["an empty list", JSON_TYPE, "[]", "EMPTY"],
  ["null", JSON_TYPE, "null", "EMPTY"],
  ["HTML for JSON", "text/html", "<html>", "TYPE_DIFFERS", { contentType: JSON_TYPE }],
  ["a problem for JSON", "application/problem+json", '{"title":"no"}', "TYPE_DIFFERS", { contentType: JSON_TYPE }],
  ["half of a body", JSON_TYPE, '{"a":1', "BODY_IS_NOT_ITS_TYPE"],
  ["HTML that says it is JSON", JSON_TYPE, "<html></html>", "BODY_IS_NOT_ITS_TYPE"],
  ["bytes that are no UTF-8", JSON_TYPE, new Uint8Array([0x22, 0xff, 0x22]), "BODY_IS_NOT_ITS_TYPE"],
  ["a promised field missing", JSON_TYPE, '{"a":1}', "FIELDS_MISSING", { fields: ["a", "b"] }],
  ["a list for an object with fields", JSON_TYPE, "[1]", "FIELDS_MISSING", { fields: ["a"] }],
  ["a failure and no more", JSON_TYPE, '{"error":"upstream is down"}', "ERROR_INSTEAD"],
  ["a failure with its code", JSON_TYPE, '{"error":{"x":1},"code":7,"message":"no"}', "ERROR_INSTEAD"],
  ["a flag of failure", JSON_TYPE, '{"success":false,"message":"no"}', "ERROR_INSTEAD"],
  ["text for an image", "image/png", "not found", "BODY_IS_NOT_ITS_TYPE"],
  ["an image for text", "text/plain", png, "BODY_IS_NOT_ITS_TYPE"],
];

const seen = (type: string | undefined, body: string | Uint8Array) => ({
  status: 200,
  headers: type === undefined ? [] : ([["content-type", type]] as const),
  body: typeof body === "string" ? utf8(body) : body,
  latencyMs: 1,
});

test.each(GOOD)("good: %s", (_name, type, body, promised) => {
  expect(judgeContent(seen(type, body), promised)).toEqual({ verdict: "good", code: "OK" });
});

test.each(BAD)("bad: %s", (_name, type, body, code, promised) => {
  expect(judgeContent(seen(type, body), promised)).toEqual({ verdict: "bad", code });
});

test("without any type nothing can be said", () => {
  expect(judgeContent(seen(undefined, "x"))).toEqual({ verdict: "unknown", code: "TYPE_UNKNOWN" });
});
