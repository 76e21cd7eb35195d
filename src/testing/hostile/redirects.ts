/** Redirects that lead where nobody may go, or take along what nobody may see. `{port}` is the server's own. */
import type { OutsideFailureKind } from "../../core/egress.ts";
import { onionName } from "../onion-name.ts";

export type RedirectCase = {
  name: string;
  status?: number;
  /** Lines of the redirecting answer. */
  lines: readonly string[];
  method?: string;
  send?: string;
  want: OutsideFailureKind | "followed" | "answer";
  /** The request line that the redirect leads to. */
  next?: string;
};

const to = (
  name: string,
  location: string,
  want: RedirectCase["want"],
  rest: Partial<RedirectCase> = {},
): RedirectCase => ({
  name,
  lines: [`Location: ${location}`],
  want,
  ...rest,
});

export const HOSTILE_REDIRECTS: readonly RedirectCase[] = [
  to("loopback", "http://127.0.0.1/", "address-refused"),
  to("loopback by its number", "http://2130706433/", "address-refused"),
  to("loopback as IPv6", "http://[::1]/", "address-refused"),
  to("mapped loopback, on the port that is allowed", "http://[::ffff:127.0.0.1]:{port}/", "address-refused"),
  to("another address of loopback, on the port that is allowed", "http://127.0.0.2:{port}/", "address-refused"),
  to("the metadata of a cloud", "http://169.254.169.254/latest/meta-data/", "address-refused"),
  to("the same, without a scheme", "//169.254.169.254/latest/meta-data/", "address-refused"),
  to("a private network", "https://10.0.0.1/", "address-refused"),
  to("a local name", "http://localhost:{port}/", "address-refused"),
  to("an onion service without a proxy", `http://${onionName(7)}/`, "address-refused"),
  to("another port of the same host", "http://127.0.0.1:22/", "port-refused"),
  to("a file", "file:///etc/passwd", "scheme-refused"),
  to("gopher", "gopher://127.0.0.1:25/_HELO", "scheme-refused"),
  to("data", "data:text/plain,hello", "scheme-refused"),
  to("a script", "javascript:alert(1)", "scheme-refused"),
  to("ftp", "ftp://shop.example/", "scheme-refused"),
  to("what is no URL", "http://[", "redirect-refused"),
  to("what is no host", "http://", "redirect-refused"),
  to("a name before the host", "http://user:word@127.0.0.1:{port}/", "url-malformed"),
  to("a longer path than may be", `/${"a".repeat(9_000)}`, "url-malformed"),
  { name: "two places", lines: ["Location: /a", "Location: /b"], want: "redirect-refused" },
  to("itself, for ever", "/loop", "too-many-redirects"),
  to("itself with a fragment, for ever", "/loop#again", "too-many-redirects"),
  { name: "nowhere", lines: [], want: "answer" },
  to("somewhere, with 300", "/then", "answer", { status: 300 }),
  to("somewhere, with 304", "/then", "answer", { status: 304 }),
  to("somewhere, with 305", "/then", "answer", { status: 305 }),
  to("somewhere, with 200", "/then", "answer", { status: 200 }),
  to("somewhere, with 201", "/then", "answer", { status: 201 }),
  to("a path", "/then?a=b", "followed", { next: "GET /then?a=b HTTP/1.1" }),
  to("a path beside this one", "then", "followed", { next: "GET /then HTTP/1.1" }),
  to("a path with dots", "/a/../../then", "followed", { next: "GET /then HTTP/1.1" }),
  to("the same origin in full", "http://127.0.0.1:{port}/then", "followed", { next: "GET /then HTTP/1.1" }),
  to("a new question, with 301 after POST", "/then", "followed", {
    status: 301,
    method: "POST",
    send: "x",
    next: "GET /then HTTP/1.1",
  }),
  to("a new question, with 302 after POST", "/then", "followed", {
    status: 302,
    method: "POST",
    send: "x",
    next: "GET /then HTTP/1.1",
  }),
  to("a new question, with 303 after PUT", "/then", "followed", {
    status: 303,
    method: "PUT",
    send: "x",
    next: "GET /then HTTP/1.1",
  }),
  to("a new question, with 303 after HEAD", "/then", "followed", {
    status: 303,
    method: "HEAD",
    next: "HEAD /then HTTP/1.1",
  }),
  to("the same question, with 302 after PUT", "/then", "followed", {
    status: 302,
    method: "PUT",
    send: "x",
    next: "PUT /then HTTP/1.1",
  }),
  to("the same question, with 307", "/then", "followed", {
    status: 307,
    method: "POST",
    send: "x",
    next: "POST /then HTTP/1.1",
  }),
  to("the same question, with 308", "/then", "followed", {
    status: 308,
    method: "POST",
    send: "x",
    next: "POST /then HTTP/1.1",
  }),
  to("another origin with the body, with 307", "http://127.0.0.1:{other}/then", "redirect-refused", {
    status: 307,
    method: "POST",
    send: "x",
  }),
  to("another origin with the body, with 308", "http://127.0.0.1:{other}/then", "redirect-refused", {
    status: 308,
    method: "POST",
    send: "x",
  }),
];
