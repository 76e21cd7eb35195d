/** One HTTP request over a kept-alive connection, and whether its answer arrived whole. */
import http from "node:http";

export type Question = {
  method: "GET" | "POST";
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /** Hang up so long after the request was written. */
  hangUpAfterMs?: number;
};

/** `lost`: the connection ended before the answer did. `unsent`: there never was one. */
export type Outcome =
  | { kind: "answer"; status: number; body: string; headers: http.IncomingHttpHeaders }
  | { kind: "lost" }
  | { kind: "unsent" };

export function ask(to: { port: number; agent: http.Agent }, question: Question): Promise<Outcome> {
  const { method, path, headers = {}, body, hangUpAfterMs } = question;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const done = (outcome: Outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const sent =
      body === undefined
        ? headers
        : { ...headers, "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const request = http.request({ host: "127.0.0.1", port: to.port, agent: to.agent, method, path, headers: sent });
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", () => done({ kind: "lost" }));
      response.on("close", () => {
        const { statusCode: status = 0, headers: answered } = response;
        if (!response.complete) done({ kind: "lost" });
        else done({ kind: "answer", status, body: Buffer.concat(chunks).toString(), headers: answered });
      });
    });
    request.on("error", (error: NodeJS.ErrnoException) =>
      done({ kind: error.code === "ECONNREFUSED" ? "unsent" : "lost" }),
    );
    if (hangUpAfterMs !== undefined) timer = setTimeout(() => request.destroy(), hangUpAfterMs);
    request.end(body);
  });
}
