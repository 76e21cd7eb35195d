/** The only reader of the environment: text in, one typed value out, and a refusal to start on anything unclear. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { fromHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import { DIRECTORY_FORMS } from "../core/feed/forms.ts";
import { isOutcomeNamespace } from "../core/inbox/outcome-label.ts";
import { keySourceProblems } from "./key-source.ts";

const port = z.coerce.number().int().min(0).max(65_535);
const seconds = (fallback: number, minimum: number) =>
  z.coerce.number().int().min(minimum).max(31_536_000).default(fallback);
const origin = z.url({ protocol: /^https?$/ }).transform((text) => new URL(text).origin);
/** What a directory of paid APIs asks to be published as a proof of ownership. */
const verification = z
  .string()
  .regex(/^[\x20-\x7e]{1,200}$/, "1 to 200 printable characters")
  .optional();
const hostAndPort = z
  .string()
  .regex(/^[A-Za-z0-9.-]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, "host:port")
  .optional();
const file = z.string().min(1).optional();
const flag = z.enum(["true", "false"]).transform((text) => text === "true");
/** 64 hex digits each, separated by commas. */
const keys = z.string().transform(listed);
const relayUrls = z
  .string()
  .transform(listed)
  .pipe(z.array(z.url({ protocol: /^wss?$/ })).max(20));

/** Reverse domain names that end in `.l402-outcome`, separated by commas. */
const labelNamespaces = z
  .string()
  .transform(listed)
  .pipe(z.array(z.string().refine(isOutcomeNamespace, "a reverse domain name that ends in .l402-outcome")).max(20));

/** Decimal ports, separated by commas. */
const ports = z
  .string()
  .regex(/^\d{1,5}(,\d{1,5})*$/, "ports, separated by commas")
  .transform((text) => text.split(",").map(Number))
  .pipe(z.array(z.number().min(1).max(65_535)).max(32));
/** `socks5h://host:port`: the h says that names are resolved by the proxy. */
const socksProxy = z
  .string()
  .regex(/^socks5h:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/, "socks5h://host:port")
  .transform((text) => {
    const [, host = "", port] = /^socks5h:\/\/\[?(.+?)\]?:(\d+)$/.exec(text) ?? [];
    return { host, port: Number(port) };
  })
  .refine((proxy) => proxy.port >= 1 && proxy.port <= 65_535, "a port from 1 to 65535");

/** `<form>=<url>` of lists of paid endpoints, separated by commas; a comma inside a URL is written %2C. */
const feeds = z
  .string()
  .transform((text) => listed(text).map(readFeed))
  .pipe(z.array(z.object({ form: z.enum(DIRECTORY_FORMS), url: z.url({ protocol: /^https?$/ }).max(2_000) })).max(20));
const origins = z.string().transform(listed).pipe(z.array(origin).max(1_000));

function listed(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function readFeed(text: string): { form: string; url: string } {
  const [form = ""] = text.split("=", 1);
  return { form, url: text.slice(form.length + 1) };
}

/** Every variable there is. Secrets may also be given as `NAME_FILE`, the path of a file that holds the value. */
const environment = z.object({
  NODE_ENV: z.enum(["development", "production", "test"]).default("development"),
  HOST: z.string().min(1).default("127.0.0.1"),
  PORT: port.default(3000),
  PUBLIC_ORIGIN: origin.optional(),
  TRUST_PROXY: z.string().default("loopback"),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info"),
  CRAWLER_METRICS_PORT: port.default(9091),
  DATA_DIR: z.string().min(1).default(".satrank"),
  DEMO_RELAY_PORT: port.default(7447),
  RELAY_MAX_CONNECTIONS: z.coerce.number().int().min(0).max(4_000).default(2_000),
  RELAY_MAX_CONNECTIONS_PER_ADDRESS: z.coerce.number().int().min(1).max(4_000).default(50),
  RELAY_CONTACT: z.string().min(1).max(200).optional(),
  DEMO_MARKET_PORT: port.default(7460),
  GRAPH: z.string().min(1).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DB_POOL_MAX: z.coerce.number().int().min(2).max(200).default(20),
  LND_GRPC_HOST: hostAndPort,
  LND_TLS_CERT_PATH: file,
  LND_INVOICE_MACAROON_PATH: file,
  LND_READONLY_MACAROON_PATH: file,
  LND_PAY_MACAROON_PATH: file,
  LND_FALLBACK_GRPC_HOST: hostAndPort,
  LND_FALLBACK_TLS_CERT_PATH: file,
  LND_FALLBACK_INVOICE_MACAROON_PATH: file,
  LND_FALLBACK_READONLY_MACAROON_PATH: file,
  LND_FALLBACK_PAY_MACAROON_PATH: file,
  SPEND_POLICY_PATH: file,
  EGRESS_PORTS: ports.default([80, 443, 8_080, 8_443]),
  EGRESS_SOCKS_PROXY: socksProxy.optional(),
  ENDPOINT_CALL_INTERVAL_SEC: z.coerce.number().int().min(10).max(31_536_000).optional(),
  ENDPOINT_PAID_CALL_INTERVAL_SEC: z.coerce.number().int().min(10).max(31_536_000).optional(),
  ENDPOINT_CALLS_AT_ONCE: z.coerce.number().int().min(1).max(64).default(8),
  CRAWL_INTERVAL_LND_GRAPH_SEC: seconds(3600, 10),
  CRAWL_INTERVAL_REGISTRY_SEC: seconds(86_400, 10),
  REGISTRY_FEEDS: feeds.default([]),
  WELLKNOWN_L402_HOSTS: origins.default([]),
  HOST_INGESTION_CAP_PER_CYCLE: z.coerce.number().int().min(1).max(100_000).default(50),
  ABSOLUTE_HOST_CAP_TOTAL: z.coerce.number().int().min(1).max(100_000).default(100),
  RECONCILE_INTERVAL_SEC: seconds(600, 10),
  L402_MACAROON_SECRET: z.string().optional(),
  L402_MACAROON_SECRETS_ACCEPTED: keys.default([]),
  L402_LSAT_LINE: flag.default(false),
  OPERATOR_BYPASS_SECRET: z.string().optional(),
  API_KEY: z.string().optional(),
  NOSTR_PRIVATE_KEY: z.string().optional(),
  NOSTR_KEYSTORE: file,
  NOSTR_KEYSTORE_PASSPHRASE: z.string().optional(),
  NOSTR_BUNKERS: z.string().optional(),
  NOSTR_BUNKER_CLIENT_KEY: z.string().optional(),
  NOSTR_RELAYS: relayUrls.optional(),
  NOSTR_FULL_RELAYS: relayUrls.optional(),
  NOSTR_INDEXER_RELAYS: relayUrls.default([]),
  NOSTR_TOP_ASSERTIONS: z.coerce.number().int().min(0).max(100_000).default(500),
  NOSTR_READ_RELAYS: relayUrls.optional(),
  NOSTR_LABEL_NAMESPACES: labelNamespaces.optional(),
  INDEX402_VERIFICATION: verification,
  L402_DIRECTORY_VERIFICATION: verification,
  INTENT_PRICE_MSAT: z.coerce.bigint().min(1n).max(100_000_000_000n).default(1_000n),
  PROFILE_PRICE_MSAT: z.coerce.bigint().min(1n).max(100_000_000_000n).default(1_000n),
  CHALLENGE_EXPIRY_SEC: z.coerce.number().int().min(60).max(3_600).default(600),
  CHALLENGES_OUTSTANDING: z.coerce.number().int().min(1).max(100_000).default(30),
  CHALLENGES_OUTSTANDING_GLOBAL: z.coerce.number().int().min(1).max(1_000_000).default(5_000),
  CHALLENGES_PER_MINUTE: z.coerce.number().int().min(1).max(100_000).default(60),
  CHALLENGES_PER_MINUTE_GLOBAL: z.coerce.number().int().min(1).max(10_000_000).default(3_000),
});

const SECRETS = [
  "DATABASE_URL",
  "L402_MACAROON_SECRET",
  "L402_MACAROON_SECRETS_ACCEPTED",
  "OPERATOR_BYPASS_SECRET",
  "API_KEY",
  "NOSTR_PRIVATE_KEY",
  "NOSTR_KEYSTORE_PASSPHRASE",
  "NOSTR_BUNKERS",
  "NOSTR_BUNKER_CLIENT_KEY",
] as const;
const REQUIRED_BY_ALL = [
  "PUBLIC_ORIGIN",
  "DATABASE_URL",
  "LND_GRPC_HOST",
  "LND_TLS_CERT_PATH",
  "LND_READONLY_MACAROON_PATH",
] as const;

/** What each process needs in production, and no more: the crawler is given neither the signing secret nor the right to make invoices. */
const REQUIRED_IN_PRODUCTION = {
  api: [...REQUIRED_BY_ALL, "LND_INVOICE_MACAROON_PATH", "L402_MACAROON_SECRET"],
  crawler: REQUIRED_BY_ALL,
  all: [...REQUIRED_BY_ALL, "LND_INVOICE_MACAROON_PATH", "L402_MACAROON_SECRET"],
  tool: [],
} as const;

/** Who reads the settings: a process, or a command that needs only some of them. */
export type Reader = keyof typeof REQUIRED_IN_PRODUCTION;

/** The settings of one real LND. What it has no macaroon for it is not asked. */
export type LndConfig = {
  host: string;
  tlsCertPath: string;
  invoiceMacaroonPath: string | undefined;
  readonlyMacaroonPath: string | undefined;
  payMacaroonPath: string | undefined;
};

/** `lnd` is absent when the simulated one is to be used, `lndFallback` when there is no second one. */
export type Config = z.infer<typeof environment> & { lnd: LndConfig | undefined; lndFallback: LndConfig | undefined };

/**
 * Reads and checks the environment.
 * @throws CONFIG_INVALID naming each variable that is missing, malformed or weak, never its value
 */
export function readConfig(reader: Reader = "tool", env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  for (const name of SECRETS) readSecretFile(given, name);

  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    throw invalid(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
  }
  const config = parsed.data;
  const problems = [...weakSecrets(config), ...keySourceProblems(config), ...missingNames(config, reader)];
  if (problems.length > 0) throw invalid(problems);
  return { ...config, lnd: lndConfig(config, "LND"), lndFallback: lndConfig(config, "LND_FALLBACK") };
}

function readSecretFile(given: Record<string, unknown>, name: string): void {
  const file = given[`${name}_FILE`];
  if (typeof file !== "string") return;
  if (given[name] !== undefined) throw invalid([`${name} and ${name}_FILE are both set: keep one`]);
  try {
    const text = readFileSync(file, "utf8").trim();
    // Of several places where Nostr keys may be, a container is given files for all: those that are not used are empty.
    if (text !== "" || !name.startsWith("NOSTR_")) given[name] = text;
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", `${name}_FILE: cannot read ${file}`, { cause });
  }
}

/** A signing key must be 32 random bytes: short, constant or repeated ones are worse than none, because they look safe. */
function weakSecrets(config: z.infer<typeof environment>): string[] {
  const problems: string[] = [];
  const checkKey = (name: string, text: string): void => {
    const bytes = fromHex(text);
    if (bytes?.length !== 32) problems.push(`${name}: 64 hex digits are needed (openssl rand -hex 32)`);
    else if (new Set(bytes).size < 8) problems.push(`${name}: these bytes are not random`);
  };
  for (const name of ["L402_MACAROON_SECRET", "NOSTR_PRIVATE_KEY", "NOSTR_BUNKER_CLIENT_KEY"] as const) {
    const text = config[name];
    if (text === undefined || (name.startsWith("NOSTR_") && text.startsWith("nsec1"))) continue;
    checkKey(name, text);
  }
  for (const text of config.L402_MACAROON_SECRETS_ACCEPTED) checkKey("L402_MACAROON_SECRETS_ACCEPTED", text);
  for (const name of ["OPERATOR_BYPASS_SECRET", "API_KEY"] as const) {
    const text = config[name];
    if (text !== undefined && (text.length < 32 || new Set(text).size < 8))
      problems.push(`${name}: at least 32 random characters are needed`);
  }
  return problems;
}

function missingNames(config: z.infer<typeof environment>, reader: Reader): string[] {
  const fallback = config.LND_FALLBACK_GRPC_HOST === undefined ? [] : missingOfFallback(config);
  if (config.NODE_ENV === "production") {
    const missing = REQUIRED_IN_PRODUCTION[reader].filter((name) => config[name] === undefined);
    return [...missing.map((name) => `${name} is required in production`), ...fallback];
  }
  if (config.LND_GRPC_HOST !== undefined && config.LND_TLS_CERT_PATH === undefined)
    return ["LND_TLS_CERT_PATH is required with LND_GRPC_HOST", ...fallback];
  return fallback;
}

/** A second node is asked for its key before it is asked for anything else, which takes its readonly macaroon. */
function missingOfFallback(config: z.infer<typeof environment>): string[] {
  return (["LND_GRPC_HOST", "LND_FALLBACK_TLS_CERT_PATH", "LND_FALLBACK_READONLY_MACAROON_PATH"] as const)
    .filter((name) => config[name] === undefined)
    .map((name) => `${name} is required with LND_FALLBACK_GRPC_HOST`);
}

function lndConfig(config: z.infer<typeof environment>, prefix: "LND" | "LND_FALLBACK"): LndConfig | undefined {
  const host = config[`${prefix}_GRPC_HOST`];
  const tlsCertPath = config[`${prefix}_TLS_CERT_PATH`];
  if (host === undefined || tlsCertPath === undefined) return undefined;
  return {
    host,
    tlsCertPath,
    invoiceMacaroonPath: config[`${prefix}_INVOICE_MACAROON_PATH`],
    readonlyMacaroonPath: config[`${prefix}_READONLY_MACAROON_PATH`],
    payMacaroonPath: config[`${prefix}_PAY_MACAROON_PATH`],
  };
}

function invalid(problems: string[]): OracleError {
  return new OracleError("CONFIG_INVALID", `the configuration does not hold:\n  ${problems.join("\n  ")}`);
}

/** Whether colour is welcome on a terminal (no-color.org). */
export function readColourWish(env: NodeJS.ProcessEnv = process.env): boolean {
  return (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}
