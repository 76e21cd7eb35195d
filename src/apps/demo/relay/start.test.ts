/** What the demo relay says when it cannot start. */
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startLocalRelay } from "./start.ts";

test("a port that is taken is a setting to change, by its name", async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), "satrank-relay-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const other = http.createServer();
  onTestFinished(() => void other.close());
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;

  await expect(startLocalRelay({ dataDir, host: "127.0.0.1", port })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: `DEMO_RELAY_PORT: port ${port} is in use; set another`,
  });
});
