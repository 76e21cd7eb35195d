/** `scripts/deploy.sh` against targets that hold everything a deploy must never touch. */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "./nginx.ts";
import { describeWith, findTool } from "./tool.ts";

type Tree = Record<string, string>;

/** What an operator's folder holds beside the code, and what a developer's may hold under the same names. */
const PRECIOUS: Tree = {
  ".env": "A=1",
  ".env.production": "PUBLIC_ORIGIN=https://oracle.example",
  "secrets/l402-macaroon-secret": "5ec7e7",
  "secrets/deep/er/api-key": "ap1",
  "certs/postgres-ca.crt": "cert",
  "lnd/tls.cert": "cert",
  "lnd/readonly.macaroon": "\u0002\u0001",
  "src/admin.macaroon": "\u0002\u0002",
  "keys/privkey.pem": "pem",
  "keys/nostr.keystore": "{}",
  pgpass: "db:5432:satrank:satrank:pw",
  "data/postgres/PG_VERSION": "16",
  ".satrank/postgres/PG_VERSION": "16",
  "backups/2026-11-01.sql.gz": "gz",
  "night.dump": "PGDMP",
  "channel.backup": "scb",
  "logs/api.log": "line",
  "docker-compose.override.yml": "services: {}",
  "node_modules/pg/index.js": "",
  "dist/apps/main.js": "",
};

const SOURCE: Tree = {
  "src/main.ts": "export const version = 1;\n",
  "src/old/obsolete.ts": "export const gone = 1;\n",
  "sql/0001-accounts.sql": "select 1;\n",
  ".env.example": "PUBLIC_ORIGIN=\n",
  ".gitignore": `${Object.keys(PRECIOUS)
    .map((name) => `/${name}`)
    .join("\n")}\n`,
};

let root: string;
let source: string;
let target: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "satrank-deploy-"));
  source = path.join(root, "source");
  target = path.join(root, "srv/satrank");
  write(source, SOURCE);
  // What an interop run has installed below is no part of the source.
  const isSource = (file: string) => !file.includes("node_modules");
  cpSync("scripts", path.join(source, "scripts"), { recursive: true, filter: isSource });
  cpSync(".rsync-exclude", path.join(source, ".rsync-exclude"));
  git("init", "--quiet", "--initial-branch=main");
  commit();
  mkdirSync(target, { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describeWith({ rsync: "rsync", git: "git", bash: "bash" }, "make deploy", () => {
  test("secrets, credentials, data and backups survive byte for byte, and the code arrives", async () => {
    write(target, PRECIOUS);
    const before = read(target);
    expect(await deploy()).toMatchObject({ code: 0 });
    const after = read(target);
    expect(after).toMatchObject(before);
    expect(after).toMatchObject({
      "src/main.ts": hash("export const version = 1;\n"),
      ".env.example": expect.anything(),
    });
    expect(statSync(path.join(target, "scripts/deploy.sh")).mode & 0o777).toBe(0o755);
    expect(Object.keys(after).some((name) => name.startsWith(".git/"))).toBe(false);
  });

  test("the Makefile's target is the same command", () => {
    cpSync("Makefile", path.join(source, "Makefile"));
    commit();
    const options = ["SATRANK_HOST=local", `REMOTE_DIR=${target}`, "DEPLOY_SYNC_ONLY=1"];
    const output = execFileSync(findTool("make") ?? "make", ["deploy", ...options], {
      cwd: source,
      encoding: "utf8",
      stdio: "pipe",
    });
    expect(output).toContain("deploy: done");
    expect(read(target)).toHaveProperty(["src/main.ts"]);
  });

  test("a developer's own secrets are not sent over the host's", async () => {
    write(target, PRECIOUS);
    const before = read(target);
    write(source, Object.fromEntries(Object.keys(PRECIOUS).map((name) => [name, "the developer's"])));
    expect(await deploy()).toMatchObject({ code: 0 });
    expect(read(target)).toMatchObject(before);
  });

  test("what an earlier deploy brought and the source no longer has is deleted, its folder too", async () => {
    await deploy();
    write(target, { "src/old/kept.macaroon": "secret", ...PRECIOUS });
    rmSync(path.join(source, "src/old/obsolete.ts"));
    rmSync(path.join(source, "sql"), { recursive: true });
    commit();
    const got = await deploy();
    expect(got).toMatchObject({ code: 0 });
    expect(got.output).toContain("- src/old/obsolete.ts");
    const after = read(target);
    expect(after).not.toHaveProperty(["src/old/obsolete.ts"]);
    expect(readdirSync(target)).not.toContain("sql");
    expect(after).toHaveProperty(["src/old/kept.macaroon"], hash("secret"));
    expect(after).toMatchObject(hashes(PRECIOUS));
  });

  test.each([
    { name: "missing", text: undefined },
    { name: "empty", text: "" },
    { name: "nothing but comments", text: "# secrets\n\n  # data\n" },
  ])("refuses when .rsync-exclude is $name, and touches nothing", async ({ text }) => {
    write(target, { ...PRECIOUS, "src/stale.ts": "" });
    const before = read(target);
    const file = path.join(source, ".rsync-exclude");
    if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
    commit();
    const got = await deploy({ FORCE: "1", ADOPT: "1" });
    expect(got).toMatchObject({ code: 1 });
    expect(got.output).toContain(".rsync-exclude");
    expect(read(target)).toEqual(before);
  });

  test("an exclude list that forgets the secrets still deletes none: no deploy brought them", async () => {
    await deploy();
    write(target, PRECIOUS);
    const before = read(target);
    writeFileSync(path.join(source, ".rsync-exclude"), "/.git\n/.deployed/\n");
    commit();
    const got = await deploy({ FORCE: "1" });
    expect(got).toMatchObject({ code: 1 });
    expect(got.output).toContain("secrets/l402-macaroon-secret");
    expect(read(target)).toEqual(before);
  });

  test("an exclude list that forgets the secrets still sends none: git does not know them", async () => {
    await deploy();
    const before = read(target);
    write(source, { ".env.production": "the developer's" });
    writeFileSync(path.join(source, ".rsync-exclude"), "/.git\n/.deployed/\n");
    commit();
    const got = await deploy({ FORCE: "1", ADOPT: "1" });
    expect(got).toMatchObject({ code: 1 });
    expect(got.output).toContain(".env.production");
    expect(read(target)).toEqual(before);
  });

  test("a file nobody deployed stops the deploy; ADOPT=1 lets it go", async () => {
    write(target, { "notes/todo.txt": "remember" });
    const refused = await deploy();
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.output).toContain("notes/todo.txt");
    expect(read(target)).toEqual(hashes({ "notes/todo.txt": "remember" }));
    expect(await deploy({ ADOPT: "1" })).toMatchObject({ code: 0 });
    expect(read(target)).not.toHaveProperty(["notes/todo.txt"]);
  });

  test("uncommitted changes are refused; FORCE=1 sends them and says so", async () => {
    write(source, { "src/new.ts": "export {};\n" });
    expect(await deploy()).toMatchObject({ code: 1 });
    expect(read(target)).toEqual({});
    const forced = await deploy({ FORCE: "1" });
    expect(forced).toMatchObject({ code: 0 });
    expect(forced.output).toContain("-dirty");
    expect(read(target)).toHaveProperty(["src/new.ts"]);
  });

  test.each(["", "srv/satrank", "/", "/srv", "/srv/", "/srv/..", "/srv/../etc", "/srv/a b", "/srv/x';id;'", "/srv/x/"])(
    "REMOTE_DIR=%j is refused",
    async (remote) => {
      expect(await deploy({ REMOTE_DIR: remote })).toMatchObject({ code: 1 });
    },
  );

  test.each(["", "-oProxyCommand=id", "a b", "host;id"])("SATRANK_HOST=%j is refused", async (host) => {
    expect(await deploy({ SATRANK_HOST: host })).toMatchObject({ code: 1 });
  });

  test("over ssh: the same rules on the far side", async () => {
    const bin = stub("ssh", 'while [ "$1" = -o ] || [ "$1" = -l ]; do shift 2; done; shift; exec sh -c "$*"');
    write(target, PRECIOUS);
    const far = { SATRANK_HOST: "deploy@vm1", PATH: `${bin}:${process.env["PATH"]}` };
    expect(await deploy(far)).toMatchObject({ code: 0 });
    expect(read(target)).toMatchObject({ ...hashes(PRECIOUS), "src/main.ts": expect.anything() });
    write(target, { "stray.txt": "x" });
    expect(await deploy(far)).toMatchObject({ code: 1 });
    expect(read(target)).toHaveProperty(["stray.txt"]);
  });
});

describeWith({ rsync: "rsync", git: "git", jq: "jq", curl: "curl" }, "make deploy, the start", () => {
  const healthy = { status: "ok", dbStatus: "ok", lndStatus: "ok", schemaVersion: 2, expectedSchemaVersion: 2 };

  test("the image is built, started, and waited for", async () => {
    write(target, { ".env.production": "" });
    const calls = path.join(root, "calls");
    const bin = stub("docker", `echo "$SATRANK_REVISION $*" >>'${calls}'`);
    const health = await serve(200, { data: { ...healthy, scoringStale: false } });
    const got = await deploy({ ...startWith(bin, health.url), HEALTH_WAIT_SEC: "10" });
    health.close();
    expect(got).toMatchObject({ code: 0 });
    const revision = git("rev-parse", "--short=12", "HEAD");
    expect(readFileSync(calls, "utf8").split("\n")).toEqual([
      `${revision} compose version`,
      `${revision} compose --env-file .env.production build`,
      `${revision} compose version`,
      `${revision} compose --env-file .env.production up -d --no-build --remove-orphans`,
      "",
    ]);
  });

  test("a start that does not become healthy fails the deploy and shows the health answer", async () => {
    write(target, { ".env.production": "" });
    const bin = stub("docker", "exit 0");
    const health = await serve(503, { data: { ...healthy, status: "down", dbStatus: "down", scoringStale: false } });
    const got = await deploy({ ...startWith(bin, health.url), HEALTH_WAIT_SEC: "1" });
    health.close();
    expect(got).toMatchObject({ code: 1 });
    expect(got.output).toContain("dbStatus down");
  });

  test("a host without settings says which file is missing", async () => {
    const got = await deploy(startWith(stub("docker", "exit 0"), "http://127.0.0.1:1/"));
    expect(got).toMatchObject({ code: 1 });
    expect(got.output).toContain(".env.production");
  });
});

test("every pattern that git ignores is also kept from a deploy", () => {
  const lines = (file: string) =>
    readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.replace(/^\//, ""));
  const ignored = lines(".gitignore").filter((line) => /^[^#!\s]/.test(line));
  expect(lines(".rsync-exclude")).toEqual(expect.arrayContaining(ignored));
});

test("every line of .rsync-exclude stands under its reason", () => {
  const lines = readFileSync(".rsync-exclude", "utf8").trimEnd().split("\n");
  const unexplained = lines.filter((line, index) => {
    if (line === "" || line.startsWith("#")) return false;
    const above = lines.slice(0, index).findLast((other) => other === "" || other.startsWith("#"));
    return !above?.startsWith("# ");
  });
  expect(unexplained).toEqual([]);
});

type Outcome = { code: number | null; output: string };

function deploy(env: Record<string, string> = {}): Promise<Outcome> {
  const defaults = { SATRANK_HOST: "local", REMOTE_DIR: target, DEPLOY_SYNC_ONLY: "1" };
  const child = spawn("bash", [path.join(source, "scripts/deploy.sh")], {
    env: { PATH: process.env["PATH"], HOME: root, ...defaults, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
}

function startWith(bin: string, healthUrl: string): Record<string, string> {
  return { DEPLOY_SYNC_ONLY: "", PATH: `${bin}:${process.env["PATH"]}`, SATRANK_HEALTH_URL: healthUrl };
}

async function serve(status: number, body: unknown): Promise<{ url: string; close(): void }> {
  const server = http.createServer((_request, response) => response.writeHead(status).end(JSON.stringify(body)));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${port}/api/health`, close: () => server.close() };
}

/** A folder for PATH with one program in it. */
function stub(name: string, script: string): string {
  const bin = path.join(root, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return bin;
}

function git(...args: string[]): string {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
  return execFileSync("git", [...identity, ...args], { cwd: source, encoding: "utf8", stdio: "pipe" }).trim();
}

function commit(): void {
  git("add", "--all");
  git("commit", "--quiet", "--message", "state");
}

function write(dir: string, tree: Tree): void {
  for (const [name, text] of Object.entries(tree)) {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    writeFileSync(path.join(dir, name), text);
  }
}

/** Every file below `dir` with the hash of its bytes; the deploy's own notes left out. */
function read(dir: string): Tree {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
  const ours = names.filter((name) => !name.startsWith(".deployed/"));
  return Object.fromEntries(ours.map((name) => [name, hash(readFileSync(path.join(dir, name)))]));
}

function hashes(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).map(([name, text]) => [name, hash(text)]));
}

function hash(bytes: string | Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
