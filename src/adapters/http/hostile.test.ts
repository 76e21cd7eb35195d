/** Hostile servers: each ends in its own kind of failure, leaves no connection open, and is told from a bug of ours. */
import { describe, expect, test, vi } from "vitest";
import { HOSTILE_FRAMING } from "../../testing/hostile/framing.ts";
import { HOSTILE_PACE } from "../../testing/hostile/pace.ts";
import { type ServerCase, startHostileServer } from "../../testing/hostile/server.ts";
import { HOSTILE_SIZES, SIZE_LIMITS } from "../../testing/hostile/sizes.ts";
import { openGuardedClient } from "./guarded-client.ts";

const GENEROUS = { timeoutMs: 60_000, connectMs: 60_000, ...SIZE_LIMITS };

async function survive({ serve, want, head, body, method = "GET", send, limits, atOnce }: ServerCase): Promise<void> {
  const server = await startHostileServer(serve, atOnce);
  const client = openGuardedClient({ allow: [`127.0.0.1:${server.port}`] });
  const url = `http://127.0.0.1:${server.port}/call?key=secret-of-ours`;
  const headers = { authorization: "L402 secret-of-ours" };
  const { signal } = new AbortController();

  const result = await client.fetch({ url, method, headers, body: send, signal, limits: { ...GENEROUS, ...limits } });

  const got = result.ok ? Buffer.from(result.answer.body).toString("latin1") : result.failure;
  if (want === "ok") expect(got).toBe(body);
  else {
    expect(got).toMatchObject({ kind: want });
    if (!result.ok) {
      expect(result.failure.head !== undefined).toBe(head ?? false);
      expect(result.failure.detail).not.toContain("secret");
      expect(result.failure.detail.length).toBeLessThan(100);
    }
  }
  expect(server.made()).toBe(1);
  server.resume();
  await vi.waitFor(() => expect(server.open()).toBe(0), { timeout: 60_000 });
  await server.close();
}

describe(`${HOSTILE_FRAMING.length} servers that do not keep to the protocol`, () => {
  test.each(HOSTILE_FRAMING)("$name: $want", survive);
});

describe(`${HOSTILE_SIZES.length} answers without measure`, () => {
  test.each(HOSTILE_SIZES)("$name: $want", survive);
});

// All at once, since most of them end with the deadline.
describe.concurrent(`${HOSTILE_PACE.length} servers without hurry, and broken connections`, () => {
  test.each(HOSTILE_PACE)("$name: $want", survive);
});
