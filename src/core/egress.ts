/**
 * One question over HTTP to somebody outside, and what became of it: an answer, or the one reason why there is none.
 * Whoever asks fits this shape; `adapters/http` answers it.
 */

/** `body` leaves with its exact length. `headers` may not name what belongs to the connection (`Host`, `Connection`, …). */
export type OutsideRequest = {
  url: string;
  method: string;
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | Uint8Array | undefined;
  signal: AbortSignal;
  limits?: Partial<OutsideLimits> | undefined;
};

/** What one question may cost us at most, all its redirects together. Bytes are octets, times are milliseconds. */
export type OutsideLimits = {
  /** From the call to the last byte of the body. */
  timeoutMs: number;
  /** Name, connection and TLS of one hop. */
  connectMs: number;
  /** Of a body, as it is sent and as it is after decompression. */
  maxBodyBytes: number;
  /** Of names and values of one head. */
  maxHeaderBytes: number;
  /** With 0 a redirect is not followed: it is the answer. */
  maxRedirects: number;
};

/** A header line as it was sent: names in the server's spelling, values as Latin-1, repeated lines apart. */
export type HeaderLine = readonly [name: string, value: string];

/** The head of the last answer. `url` is where it came from; `firstByteMs` counts from the call. */
export type OutsideHead = {
  status: number;
  url: string;
  headers: readonly HeaderLine[];
  redirects: number;
  firstByteMs: number;
};

/** A whole answer. `body` is decompressed; `totalMs` counts from the call to its last byte. */
export type OutsideAnswer = OutsideHead & { body: Uint8Array; totalMs: number };

/** Why there is no answer. A new way to fail needs a name here. */
export type OutsideFailureKind =
  | "request-refused"
  | "url-malformed"
  | "scheme-refused"
  | "port-refused"
  | "address-refused"
  | "dns"
  | "connect"
  | "tls"
  | "connection-lost"
  | "protocol"
  | "headers-too-large"
  | "body-too-large"
  | "encoding"
  | "redirect-refused"
  | "too-many-redirects"
  | "timeout"
  | "cancelled";

/**
 * `blame` says what a failure tells of the other side: `theirs` anybody else would have met it too, `ours` it lies in our
 * settings, limits or network, `unknown` it may be either. Only `theirs` is evidence.
 * `detail` is for people: it repeats neither a query nor a header nor anything else of the other side's.
 * `head` is there when the failure came after it: a challenge may stand in the head of an answer whose body never ends.
 */
export type OutsideFailure = {
  kind: OutsideFailureKind;
  blame: "ours" | "theirs" | "unknown";
  detail: string;
  head?: OutsideHead;
};

export type OutsideResult = { ok: true; answer: OutsideAnswer } | { ok: false; failure: OutsideFailure };

/** Asks once. It settles within the time limit and never rejects because of what the other side does. */
export type AskOutside = (request: OutsideRequest) => Promise<OutsideResult>;
