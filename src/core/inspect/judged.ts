/** What one stage of a call showed: it went well, it went badly, or what was seen says nothing of the endpoint. */

/** `code` is upper case: "OK", "STATUS_5XX". "unknown" covers whatever may be our own fault, or nobody's. */
export type Judged<Found = unknown> =
  | ({ readonly verdict: "good"; readonly code: string } & Found)
  | { readonly verdict: "bad"; readonly code: string }
  | { readonly verdict: "unknown"; readonly code: string };

export const bad = (code: string) => ({ verdict: "bad", code }) as const;
export const unknown = (code: string) => ({ verdict: "unknown", code }) as const;

/** An answer as it came: header names in lower case, several lines of one name kept apart and in order. */
export type HttpAnswer = {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** From the request to the end of the body. */
  readonly latencyMs: number;
};

/** What came of a request. `kind` is upper case; `blame` says whose fault it is that there is no answer. */
export type Exchange =
  | { readonly answered: true; readonly answer: HttpAnswer }
  | { readonly answered: false; readonly kind: string; readonly blame: "ours" | "theirs" | "unknown" };

/** All values of a header, in order. */
export function linesOf(answer: HttpAnswer, name: string): string[] {
  return answer.headers.filter(([each]) => each === name).map(([, value]) => value);
}

/** The media type of the body, lower case and without parameters; undefined when the answer does not say. */
export function mediaType(answer: HttpAnswer): string | undefined {
  const [type] = (linesOf(answer, "content-type")[0] ?? "").split(";");
  const name = type?.trim().toLowerCase();
  return name === "" ? undefined : name;
}

/** A request that brought no answer. */
export function judgeSilence(exchange: Extract<Exchange, { answered: false }>): Judged<never> {
  return exchange.blame === "theirs" ? bad(exchange.kind) : unknown(exchange.kind);
}
