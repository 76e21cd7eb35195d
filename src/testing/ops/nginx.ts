/** Runs the production nginx configuration on loopback: only names, ports and certificate paths are replaced. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { findTool } from "./tool.ts";

/** The name the configuration is written for and an operator replaces. */
export const PUBLIC_NAME = "satrank.example";

/** A header that stands in for the address of a client, so that one machine can play many. Only the test's wrapper trusts it. */
export const CLIENT_HEADER = "x-test-client";

export type RunningNginx = {
  httpPort: number;
  httpsPort: number;
  /** The self-signed certificate, as the CA a client trusts. */
  certificate: string;
  webroot: string;
  stop(): Promise<void>;
};

/** Starts nginx in the foreground in front of `backendPort`. @throws with nginx's own words when the configuration is refused */
export async function startNginx(backendPort: number): Promise<RunningNginx> {
  const nginx = findTool("nginx") ?? "nginx";
  const dir = mkdtempSync(path.join(tmpdir(), "satrank-nginx-"));
  chmodSync(dir, 0o755);
  const [httpPort, httpsPort] = [await freePort(), await freePort()];
  const webroot = path.join(dir, "webroot");
  mkdirSync(path.join(webroot, ".well-known/acme-challenge"), { recursive: true });
  const certificate = makeCertificate(dir);
  writeFileSync(path.join(dir, "site.conf"), siteFor({ dir, webroot, httpPort, httpsPort, backendPort }));
  writeFileSync(path.join(dir, "nginx.conf"), mainConfig(dir));

  const args = ["-p", dir, "-c", path.join(dir, "nginx.conf"), "-e", path.join(dir, "error.log")];
  execFileSync(nginx, [...args, "-t"], { stdio: "pipe" });
  const child = spawn(nginx, args, { stdio: ["ignore", "ignore", "pipe"] });
  await untilListening(child, httpsPort);

  return {
    httpPort,
    httpsPort,
    certificate,
    webroot,
    async stop() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

type Site = { dir: string; webroot: string; httpPort: number; httpsPort: number; backendPort: number };

function siteFor({ dir, webroot, httpPort, httpsPort, backendPort }: Site): string {
  return readFileSync("infra/nginx/satrank.conf.l402-native", "utf8")
    .replaceAll(/^\s*listen \[::\].*$/gm, "")
    .replaceAll("listen 80", `listen 127.0.0.1:${httpPort}`)
    .replaceAll("listen 443", `listen 127.0.0.1:${httpsPort}`)
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${backendPort}`)
    .replaceAll("/var/www/html", webroot)
    .replaceAll(`/etc/letsencrypt/live/${PUBLIC_NAME}`, dir);
}

function mainConfig(dir: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  );
  return `
    daemon off;
    worker_processes 1;
    pid ${dir}/nginx.pid;
    error_log ${dir}/error.log;
    events { worker_connections 512; }
    http {
      access_log off;
      ${temporary.join("\n")}
      set_real_ip_from 127.0.0.1;
      real_ip_header ${CLIENT_HEADER};
      include ${dir}/site.conf;
    }`;
}

function makeCertificate(dir: string): string {
  const [key, cert] = [path.join(dir, "privkey.pem"), path.join(dir, "fullchain.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const subject = ["-subj", `/CN=${PUBLIC_NAME}`, "-addext", `subjectAltName=DNS:${PUBLIC_NAME}`];
  execFileSync(findTool("openssl") ?? "openssl", [...request, ...subject, "-keyout", key, "-out", cert], {
    stdio: "pipe",
  });
  return readFileSync(cert, "utf8");
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  let words = "";
  child.stderr?.on("data", (chunk) => {
    words += chunk;
  });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`nginx stopped: ${words}`);
    if (await canConnect(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`nginx does not listen: ${words}`);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
