/** Problems as gRPC: which callers get them, and what aperture's interceptor finds in them. */
import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { ERRORS } from "../../core/errors.ts";
import { grpcHeaders, speaksGrpc } from "./grpc-answer.ts";

const request = (type?: string) => ({ headers: { "content-type": type } }) as IncomingMessage;

test.each(["application/grpc", "application/grpc+proto", "application/grpc-web+proto", "Application/GRPC; x=1"])(
  "%s is gRPC",
  (type) => expect(speaksGrpc(request(type))).toBe(true),
);
test.each([undefined, "", "application/json", "application/grpcx", "text/application/grpc"])("%s is not", (type) =>
  expect(speaksGrpc(request(type))).toBe(false),
);

test.each([
  [402, 13],
  [429, 8],
  [401, 16],
  [403, 7],
  [415, 12],
  [503, 14],
  [504, 4],
  [425, 14],
  [400, 3],
  [404, 5],
  [413, 3],
  [500, 13],
  [502, 13],
])("HTTP %i is gRPC %i", (status, code) => {
  expect(grpcHeaders({ status, detail: "d" })).toMatchObject({ "grpc-status": String(code) });
});

test("only an offer to pay says so where interceptors look", () => {
  expect(grpcHeaders({ status: 402, detail: "pay" })["grpc-message"]).toContain("payment required");
  for (const status of Object.values(ERRORS)) {
    expect(grpcHeaders({ status, detail: "something" })["grpc-message"]).not.toContain("payment required");
  }
});

test("a message is printable ASCII, whatever it says", () => {
  const message = grpcHeaders({ status: 400, detail: "100 % of ż\r\nx: y \u{1f600}" })["grpc-message"]!;
  expect(message).toBe("100 %25 of %C5%BC%0D%0Ax: y %F0%9F%98%80");
  expect(decodeURIComponent(message)).toBe("100 % of ż\r\nx: y \u{1f600}");
});
