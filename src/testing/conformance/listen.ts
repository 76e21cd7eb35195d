/** A stream of LND's, with what it has said and how it ended. */
import type { Answer, Dialed } from "./dial.ts";

export type Listened = {
  seen: Answer[];
  last(): Answer;
  /** `OK` or the status, as {@link statusOf} writes it. */
  ended: Promise<string>;
  stop(): void;
};

export function listen(client: Dialed, rpc: string, request: object = {}): Listened {
  const seen: Answer[] = [];
  const stream = client.open(rpc, request);
  stream.on("data", (message) => seen.push(message));
  const ended = new Promise<string>((resolve) => {
    stream.on("error", (error: Answer) => resolve(`${error.code} ${error.details}`));
    stream.on("end", () => resolve("OK"));
  });
  return { seen, last: () => seen.at(-1), ended, stop: () => stream.cancel() };
}
