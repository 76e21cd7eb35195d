/** The two ways in which requests get their prototype give the same answers. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Router } from "express";
import { expect, test } from "vitest";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { createApplication, createHttpServer } from "./server.ts";

const silent = () => createEvents(createLog({ level: "silent", name: "test" }));

async function answers(born: boolean): Promise<unknown[]> {
  const router = Router();
  router.get("/echo", (request, response) => {
    response
      .status(201)
      .set("X-Seen", request.get("x-sent") ?? "")
      .json({ ip: request.ip, query: request.query });
  });
  router.get("/fail", () => {
    throw new Error("broken");
  });
  const app = createApplication({ trustProxy: "loopback", events: silent(), isStopping: () => false }, [router]);
  const server: Server = createHttpServer(app, {}, born);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const seen: unknown[] = [];
  for (const path of ["/echo?a=1&a=2", "/fail", "/nowhere", "/%zz"]) {
    const headers = { "X-Sent": "yes", "X-Request-Id": "one", "X-Forwarded-For": "203.0.113.9" };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    const kept = [...response.headers].filter(([name]) => name !== "date");
    seen.push([response.status, kept, await response.text()]);
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return seen;
}

test("requests born with Express's prototype are answered like those that are given it", async () => {
  const [born, swapped] = [await answers(true), await answers(false)];
  expect(born).toEqual(swapped);
  expect(born).toHaveLength(4);
  expect(born[0]).toMatchObject([201, expect.anything(), '{"ip":"203.0.113.9","query":{"a":["1","2"]}}']);
});
