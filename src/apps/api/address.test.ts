/** Which addresses count as one caller. */
import { expect, test } from "vitest";
import { addressPrefix } from "./address.ts";

test.each([
  ["203.0.113.77", "203.0.113.0/24"],
  ["::ffff:203.0.113.9", "203.0.113.0/24"],
  ["2001:db8:1:2::3", "2001:db8:1::/48"],
  ["2001:0db8:0001:ffff::", "2001:db8:1::/48"],
  ["fe80::1%eth0", "fe80:0:0::/48"],
  ["::1", "0:0:0::/48"],
  ["nonsense", "unreadable"],
])("%s is of %s", (address, prefix) => {
  expect(addressPrefix(address)).toBe(prefix);
});
