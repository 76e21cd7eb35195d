/** What docker-compose.yml grants each process, read back from Compose itself, and held to the program's own settings. */
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../apps/config.ts";
import { findTool } from "./tool.ts";

type Service = {
  environment: Record<string, string>;
  secrets?: { source: string }[];
  cap_drop?: string[];
  security_opt?: string[];
  tmpfs?: string[];
  volumes?: unknown[];
  ports?: unknown[];
  read_only?: boolean;
  init?: boolean;
  privileged?: boolean;
  user?: string;
  mem_limit?: unknown;
  pids_limit?: unknown;
};

const COMPOSE = ["--env-file", ".env.example", "--profile", "postgres", "config"];
/** Debian's docker-compose prints YAML only; the Python it runs on can turn that into JSON. */
const TO_JSON = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";

const hasPlugin = spawnSync("docker", ["compose", "version"], { stdio: "ignore" }).status === 0;
const hasCompose = hasPlugin || findTool("docker-compose") !== undefined;
const required = process.env["CI"] === "true";
const gap = hasCompose ? "" : " [NOT COVERED: apt-get install docker-compose]";

describe.runIf(hasCompose || required)(`docker-compose.yml${gap}`, () => {
  const services = () => (hasCompose ? readServices() : {});

  test("is accepted with the documented settings, and refused without them", () => {
    expect(hasCompose, "docker-compose is missing: apt-get install docker-compose").toBe(true);
    expect(Object.keys(services()).sort()).toEqual(["api", "crawler", "postgres"]);
    const empty = path.join(mkdtempSync(path.join(tmpdir(), "satrank-compose-")), "empty.env");
    writeFileSync(empty, "");
    expect(() => compose(["--env-file", empty, "config", "--quiet"])).toThrow(/DATABASE_URL|PUBLIC_ORIGIN/);
  });

  test.each(["api", "crawler"])("%s runs without privileges, on a filesystem it cannot write", (name) => {
    const service = services()[name];
    expect(service).toMatchObject({ read_only: true, init: true, user: "10001:10001", cap_drop: ["ALL"] });
    expect(service?.security_opt).toEqual(["no-new-privileges:true"]);
    expect(service?.tmpfs).toEqual([expect.stringMatching(/^\/tmp:.*noexec.*size=/)]);
    expect(service?.mem_limit).toBeTruthy();
    expect(service?.pids_limit).toBeTruthy();
    expect(service?.privileged ?? false).toBe(false);
    expect((service?.volumes ?? []).filter((volume: unknown) => !String(volume).endsWith(":ro"))).toEqual([]);
  });

  test("nothing listens beyond loopback", () => {
    for (const service of Object.values(services())) expect(service.ports ?? []).toEqual([]);
    expect(services()["api"]?.environment["HOST"]).toBe("127.0.0.1");
    expect(JSON.stringify(services()["postgres"])).toContain("listen_addresses=127.0.0.1");
  });

  test("each process gets the credentials of its own job", () => {
    const shared = ["pgpass", "postgres_ca", "lnd_tls_cert", "lnd_readonly_macaroon"];
    shared.push("lnd_fallback_tls_cert", "lnd_fallback_readonly_macaroon");
    const paying = ["lnd_pay_macaroon", "lnd_fallback_pay_macaroon", "spend_policy"];
    const own = [
      "lnd_invoice_macaroon",
      "lnd_fallback_invoice_macaroon",
      "l402_macaroon_secret",
      "l402_macaroon_secrets_accepted",
      "operator_bypass_secret",
      "api_key",
    ];
    expect(secretsOf(services()["api"])).toEqual([...shared, ...own].sort());
    expect(secretsOf(services()["crawler"])).toEqual([...shared, ...paying, "nostr_private_key"].sort());
    // The keys that sign, wherever they are, are the crawler's alone.
    expect([services()["api"]?.volumes, services()["crawler"]?.volumes]).toEqual([
      undefined,
      ["/etc/satrank/nostr:/run/nostr:ro"],
    ]);
  });

  test.each(["api", "crawler"])(
    "%s: every mounted secret is named by a setting, and no setting holds a secret",
    (name) => {
      const service = services()[name];
      const text = Object.values(service?.environment ?? {}).join("\n");
      const mounted = [...text.matchAll(/\/run\/secrets\/(\w+)/g)].map(([, secret]) => secret);
      expect([...new Set(mounted)].sort()).toEqual(secretsOf(service));
      expect(text).not.toMatch(/[0-9a-f]{32}|:\/\/[^/\s]*:[^/\s]*@/i);
    },
  );

  test.each(["api", "crawler"] as const)("%s: the program accepts these settings", (name) => {
    const dir = mkdtempSync(path.join(tmpdir(), "satrank-secrets-"));
    const settings = Object.entries(services()[name]?.environment ?? {}).map(([setting, value]) => {
      if (!value.startsWith("/run/secrets/")) return [setting, value];
      const file = path.join(dir, path.basename(value));
      writeFileSync(file, randomBytes(32).toString("hex"));
      return [setting, file];
    });
    expect(readConfig(name, Object.fromEntries(settings))).toMatchObject({ NODE_ENV: "production" });
  });

  test("every setting is one the program reads", () => {
    const known = readFileSync("src/apps/config.ts", "utf8")
      .match(/^ {2}[A-Z][A-Z0-9_]+(?=:)/gm)
      ?.map((name) => name.trim());
    const names = ["api", "crawler"].flatMap((name) => Object.keys(services()[name]?.environment ?? {}));
    const plain = names.filter((name) => name !== "PGPASSFILE").map((name) => name.replace(/_FILE$/, ""));
    expect(known).toEqual(expect.arrayContaining(plain));
  });
});

test("every variable of .env.example is used by docker-compose.yml, and every required one is documented", () => {
  const documented = [...readFileSync(".env.example", "utf8").matchAll(/^([A-Z0-9_]+)=/gm)].map(([, name]) => name);
  const used = [...readFileSync("docker-compose.yml", "utf8").matchAll(/\$\{([A-Z0-9_]+)(:\?)?/g)];
  expect(used.map(([, name]) => name)).toEqual(expect.arrayContaining(documented));
  expect(documented).toEqual(expect.arrayContaining(used.filter(([, , must]) => must).map(([, name]) => name)));
});

function secretsOf(service: Service | undefined): string[] {
  return (service?.secrets ?? []).map((secret) => secret.source).sort();
}

let cached: Record<string, Service> | undefined;

function readServices(): Record<string, Service> {
  if (cached) return cached;
  const text = hasPlugin
    ? compose([...COMPOSE, "--format", "json"])
    : execFileSync("/usr/bin/python3", ["-c", TO_JSON], { input: compose(COMPOSE), encoding: "utf8" });
  const { services } = JSON.parse(text) as { services: Record<string, Service> };
  for (const service of Object.values(services)) {
    service.secrets =
      service.secrets?.map((secret) => (typeof secret === "string" ? { source: secret } : secret)) ?? [];
  }
  cached = services;
  return services;
}

function compose(args: string[]): string {
  const [program, ...first] = hasPlugin ? ["docker", "compose"] : ["docker-compose"];
  const env = { PATH: process.env["PATH"], HOME: "/nonexistent" };
  return execFileSync(program as string, [...first, ...args], { encoding: "utf8", stdio: "pipe", env });
}
