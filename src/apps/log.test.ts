/** No credential reaches a log line, however it is logged. */
import { expect, test } from "vitest";
import { createLog } from "./log.ts";

test.each([
  { name: "at the top", value: { authorization: "L402 hidden", preimage: "hidden" } },
  { name: "one level down", value: { request: { authorization: "hidden", macaroon: "hidden" } } },
  {
    name: "in headers",
    value: { headers: { authorization: "hidden", "x-operator-token": "hidden", "x-api-key": "hidden" } },
  },
])("$name it is redacted", ({ value }) => {
  const lines: string[] = [];
  createLog({ level: "info", name: "test", destination: { write: (line) => void lines.push(line) } }).info(
    value,
    "request",
  );
  expect(lines.join("")).toContain("[redacted]");
  expect(lines.join("")).not.toContain("hidden");
});
