/** One HTTP request whose answer keeps its header lines apart, as clients outside browsers see them. */
import http from "node:http";

export type Reply = {
  status: number;
  /** Each `WWW-Authenticate` line by itself, in order. */
  lines: readonly string[];
  body: string;
};

/** POSTs JSON. */
export function postJson(url: string, body: unknown, headers: Record<string, string>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers } });
    request.once("error", reject);
    request.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("error", reject);
      response.once("end", () => {
        const lines = response.headersDistinct["www-authenticate"] ?? [];
        resolve({ status: response.statusCode ?? 0, lines, body: text });
      });
    });
    request.end(JSON.stringify(body));
  });
}
