/** `scripts/satrank-health-check.sh` against every kind of answer a monitor can get. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http, { type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { freePort } from "./nginx.ts";
import { describeWith } from "./tool.ts";

const HEALTHY = {
  status: "ok",
  dbStatus: "ok",
  lndStatus: "ok",
  schemaVersion: 7,
  expectedSchemaVersion: 7,
  scoringStale: false,
  scoringAgeSec: 61,
};

describeWith({ bash: "bash", curl: "curl", jq: "jq" }, "satrank-health-check.sh", () => {
  let server: Server;
  let url: string;
  let dir: string;
  let answer: { status: number; body: string; delayMs?: number };

  beforeAll(async () => {
    server = http.createServer((_request, response) => {
      setTimeout(() => response.writeHead(answer.status).end(answer.body), answer.delayMs ?? 0);
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${port}/api/health`;
    dir = mkdtempSync(path.join(tmpdir(), "satrank-health-"));
    writeFileSync(path.join(dir, "msmtp"), `#!/bin/sh\necho "$@" >>'${dir}/mails'\ncat >>'${dir}/mails'\n`, {
      mode: 0o755,
    });
  });

  beforeEach(() => {
    for (const file of ["mails", "state"]) rmSync(path.join(dir, file), { force: true });
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const check = (env: Record<string, string> = {}, to = url): Promise<{ code: number | null; output: string }> => {
    const child = spawn("bash", ["scripts/satrank-health-check.sh", to], {
      env: { PATH: `${dir}:${process.env["PATH"]}`, HOME: dir, HEALTH_STATE_FILE: path.join(dir, "state"), ...env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
  };
  const say = (status: number, change: Record<string, unknown> = {}) => {
    answer = { status, body: JSON.stringify({ data: { ...HEALTHY, ...change } }) };
  };
  const mails = () => readFileSync(path.join(dir, "mails"), "utf8");

  test.each([
    { name: "everything is well", status: 200, change: {}, code: 0, says: "OK: healthy" },
    {
      name: "the schema is at version 0 as expected",
      status: 200,
      change: { schemaVersion: 0, expectedSchemaVersion: 0 },
      code: 0,
      says: "OK",
    },
    {
      name: "LND is down",
      status: 200,
      change: { status: "degraded", lndStatus: "down" },
      code: 1,
      says: "lndStatus down",
    },
    {
      name: "one of two nodes is down",
      status: 200,
      change: {
        status: "degraded",
        lnd: [
          { node: "primary", purpose: "invoice", status: "down", reasons: ["wallet-locked"] },
          { node: "fallback", purpose: "invoice", status: "ok", reasons: ["permission-excess"] },
        ],
      },
      code: 1,
      says: "lnd primary invoice down: wallet-locked",
    },
    {
      name: "scores are old",
      status: 200,
      change: { status: "degraded", scoringStale: true, scoringAgeSec: 7_300 },
      code: 1,
      says: "scoring stale, age 7300 s",
    },
    {
      name: "degraded comes as 503",
      status: 503,
      change: { status: "degraded", lndStatus: "down" },
      code: 1,
      says: "lndStatus down",
    },
    {
      name: "the database is down",
      status: 503,
      change: { status: "down", dbStatus: "down" },
      code: 2,
      says: "dbStatus down",
    },
    {
      name: "the schema is behind",
      status: 200,
      change: { schemaVersion: 6 },
      code: 2,
      says: "schemaVersion 6, expected 7",
    },
    {
      name: "both schema versions are missing",
      status: 200,
      change: { schemaVersion: undefined, expectedSchemaVersion: undefined },
      code: 2,
      says: "schemaVersion missing",
    },
    {
      name: "the stale flag is missing",
      status: 200,
      change: { scoringStale: undefined },
      code: 2,
      says: "scoringStale missing",
    },
    {
      name: "LND's state is missing",
      status: 200,
      change: { lndStatus: undefined },
      code: 2,
      says: "lndStatus missing",
    },
    { name: "503 that claims all is well", status: 503, change: {}, code: 2, says: "http 503 with nothing wrong" },
    { name: "another status", status: 500, change: {}, code: 2, says: "http 500" },
  ])("$name: exit $code", async ({ status, change, code, says }) => {
    say(status, change);
    const got = await check();
    expect(got.code).toBe(code);
    expect(got.output).toContain(says);
  });

  test("the body of a 503 is kept", async () => {
    say(503, { status: "down", dbStatus: "down" });
    expect((await check()).output).toContain(answer.body);
  });

  test.each([
    { name: "an HTML error page", body: "<html>502</html>" },
    { name: "an empty body", body: "" },
    { name: "a list", body: "[]" },
    { name: "data that is not an object", body: '{"data":"ok"}' },
  ])("$name is down", async ({ body }) => {
    answer = { status: 200, body };
    expect((await check()).code).toBe(2);
  });

  test("no listener and no answer in time are down", async () => {
    expect(await check({}, `http://127.0.0.1:${await freePort()}/`)).toMatchObject({ code: 2 });
    answer = { status: 200, body: "", delayMs: 3_000 };
    const got = await check({ HEALTH_TIMEOUT_SEC: "1" });
    expect(got).toMatchObject({ code: 2 });
    expect(got.output).toContain("no answer");
  });

  test("a change of verdict is mailed once, and so is the recovery", async () => {
    const alert = { ALERT_EMAIL: "ops@satrank.example" };
    say(200);
    await check(alert);
    say(503, { status: "down", dbStatus: "down" });
    await check(alert);
    await check(alert);
    say(200);
    await check(alert);
    const subjects = mails().match(/^Subject: .*/gm);
    expect(subjects).toEqual([expect.stringContaining("CRITICAL"), expect.stringContaining("OK")]);
    expect(mails()).toContain("To: ops@satrank.example");
    expect(mails()).toContain('"dbStatus":"down"');
  });

  test("a mail that could not be sent is tried again", async () => {
    say(503, { status: "down", dbStatus: "down" });
    const alert = { ALERT_EMAIL: "ops@satrank.example" };
    const failing = mkdtempSync(path.join(dir, "failing-"));
    writeFileSync(path.join(failing, "msmtp"), "#!/bin/sh\nexit 75\n", { mode: 0o755 });
    await check({ ...alert, PATH: `${failing}:${process.env["PATH"]}` });
    await check(alert);
    expect(mails().match(/^Subject: /gm)).toHaveLength(1);
  });

  test("without curl or jq the check says that it cannot run", async () => {
    say(200);
    const child = spawn("/bin/bash", ["scripts/satrank-health-check.sh", url], { env: { PATH: dir } });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(3);
  });
});
