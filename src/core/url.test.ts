import { expect, test } from "vitest";
import { parseUrl } from "./url.ts";

test("a URL is read, with or without its base", () => {
  expect(parseUrl("HTTP://Shop.Example:80/a?b")?.href).toBe("http://shop.example/a?b");
  expect(parseUrl("../b", "https://shop.example/a/c")?.href).toBe("https://shop.example/b");
});

test("what is no URL is nothing", () => {
  expect(parseUrl("shop.example")).toBeUndefined();
  expect(parseUrl("/a", "shop.example")).toBeUndefined();
});

test("letters of Latin-1 are read the thousandth time as the first", () => {
  const read = new Set(Array.from({ length: 200_000 }, () => parseUrl("http://m\u00fcnchen.example/")?.hostname));

  expect([...read]).toEqual(["xn--mnchen-3ya.example"]);
});
