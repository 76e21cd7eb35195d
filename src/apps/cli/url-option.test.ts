/** Addresses as people type them. */
import { expect, test } from "vitest";
import { urlOf } from "./url-option.ts";

test("an address is taken without the slashes at its end", () => {
  expect(urlOf("http", "https")("https://oracle.example/base//")).toBe("https://oracle.example/base");
  expect(urlOf("ws", "wss")("ws://127.0.0.1:7447")).toBe("ws://127.0.0.1:7447");
});

test.each(["", "nonsense", "127.0.0.1:7447", "//host", "http://127.0.0.1", "ws://", "ws://host/#part"])(
  "%j is no relay",
  (text) => {
    expect(() => urlOf("ws", "wss")(text)).toThrow("a URL that begins with ws:// or wss:// is needed");
  },
);
