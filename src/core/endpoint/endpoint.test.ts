import fc from "fast-check";
import { expect, test } from "vitest";
import { readEndpointUrl, readMethod } from "./endpoint.ts";

const idOf = (text: string) => {
  const read = readEndpointUrl(text);
  return typeof read === "string" ? read : read.id;
};

test.each([
  ["HTTPS://API.Example/v1", "https://api.example/v1"],
  ["https://api.example:443/v1", "https://api.example/v1"],
  ["http://api.example:80/v1", "http://api.example/v1"],
  ["https://api.example/v1#part", "https://api.example/v1"],
  ["https://api.example./v1", "https://api.example/v1"],
  ["https://api.example/a/../v1", "https://api.example/v1"],
  ["https://api.example", "https://api.example/"],
  [" https://api.example/v1 ", "https://api.example/v1"],
  ["https://b\u00fccher.example/", "https://xn--bcher-kva.example/"],
])("%s and %s are one endpoint", (one, other) => {
  expect(idOf(one)).toBe(idOf(other));
  expect(idOf(one)).toMatch(/^[0-9a-f]{64}$/);
});

test.each([
  ["https://api.example/v1", "https://api.example/v1/"],
  ["https://api.example/v1", "https://api.example/v1?q=a"],
  ["https://api.example/v1?q=a", "https://api.example/v1?q=b"],
  ["https://api.example/v1", "https://api.example/V1"],
  ["https://api.example/v1", "http://api.example/v1"],
  ["https://api.example/v1", "https://api.example:8443/v1"],
  ["https://api.example/v1", "https://www.api.example/v1"],
  ["https://api.example/v1", "https://api.example/v1?filter=%7B%7D"],
])("%s and %s are two endpoints", (one, other) => expect(idOf(one)).not.toBe(idOf(other)));

test.each([
  ["", "malformed"],
  ["api.example/v1", "malformed"],
  ["https://", "malformed"],
  ["ftp://api.example/", "scheme"],
  ["javascript:alert(1)", "malformed"],
  ["https://user@api.example/", "credentials"],
  ["https://user:word@api.example/", "credentials"],
  ["https://api.example/{id}", "templated"],
  ["https://api.example/%7Bid%7D", "templated"],
  ["https://api.example/users/:id/notes", "templated"],
  [`https://api.example/${"a".repeat(2_048)}`, "too-long"],
])("%s names no endpoint: %s", (text, fault) => expect(readEndpointUrl(text)).toBe(fault));

test("the id is the SHA-256 of the normalised text", () => {
  const read = readEndpointUrl("https://api.example/v1");
  expect(read).toMatchObject({
    id: "ca596ae86d2e18746b0c83440bfa88150cb12b64e2a32554882cdfb442c2fd69",
    host: "api.example",
  });
});

test("reading is idempotent", () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
      const read = readEndpointUrl(text);
      if (typeof read !== "string") expect(readEndpointUrl(read.url)).toEqual(read);
    }),
  );
});

test("a method is one of five, in any case", () => {
  expect(["get", "Post", "PUT", "HEAD", "get "].map(readMethod)).toEqual(["GET", "POST", "PUT", undefined, undefined]);
});
