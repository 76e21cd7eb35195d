/** What is published leads somewhere: each link of ours to the page that checks it. */
import { bech32 } from "@scure/base";
import request from "supertest";
import { expect, test } from "vitest";
import { createEvents } from "../../events.ts";
import { createLog } from "../../log.ts";
import { createApplication } from "../server.ts";
import { subjectRouter } from "./get-subject.ts";

const ID = "ab".repeat(32);
const NOTE = bech32.encodeFromBytes("note", new Uint8Array(32).fill(0xab));
const KNOWN = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const UNKNOWN = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";

const events = createEvents(createLog({ level: "fatal", name: "test" }));
const findBySubject = async (subject: string) => (subject === KNOWN ? [`{"id":"${ID}"}`] : []);
const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [
  subjectRouter({ findBySubject }),
]);

test.each([
  { path: "/", to: "/verify" },
  { path: `/a/${NOTE}`, to: `/verify#${NOTE}` },
  { path: `/node/${KNOWN}`, to: `/verify#${ID}` },
  { path: `/node/${KNOWN.toUpperCase()}`, to: `/verify#${ID}` },
])("$path leads to the page", async ({ path, to }) => {
  const got = await request(app).get(path);
  expect([got.status, got.headers["location"]]).toEqual([302, to]);
});

test.each([
  { path: "/a/npub1nothing", status: 400, code: "EVENT_MALFORMED" },
  { path: `/a/${NOTE.slice(0, -1)}x`, status: 400, code: "EVENT_MALFORMED" },
  { path: `/a/${"n".repeat(6_000)}`, status: 400, code: "EVENT_MALFORMED" },
  { path: "/node/02ab", status: 400, code: "SUBJECT_MALFORMED" },
  { path: `/node/${UNKNOWN}`, status: 404, code: "SUBJECT_UNKNOWN" },
])("$path.length letters that lead nowhere: $code", async ({ path, status, code }) => {
  const got = await request(app).get(path);
  expect([got.status, got.body.code, got.headers["location"]]).toEqual([status, code, undefined]);
});
