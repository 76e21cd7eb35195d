/** `satrank doctor`: checks this machine and its settings, one line each, and says how to mend what fails. */
import fs from "node:fs";
import { Command } from "commander";
import { TROUBLES, type TroubleName } from "../../../adapters/lnd/trouble.ts";
import { openDatabase } from "../../../adapters/postgres/connect.ts";
import { readMigrations, schemaVersion } from "../../../adapters/postgres/migrate.ts";
import { type Config, readConfig } from "../../config.ts";
import { type LndConnection, openConnection } from "../../lnd-connection.ts";
import { hasMacaroon, type LndEndpoint, type Purpose } from "../../lnd-endpoint.ts";
import { NEEDS, type NodeName, settingOf } from "../../lnd-purposes.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";

type Finding = { check: string; state: "ok" | "warning" | "failed" | "not set"; detail: string };

const MIN_DISK_BYTES = 1024 ** 3;

export function doctorCommand(output: Output): Command {
  return new Command("doctor")
    .description("check this machine and its settings, and say how to mend them")
    .action(async () => {
      const findings: Finding[] = [checkNode()];
      const config = await attempt(
        findings,
        "settings",
        async () => readConfig("all"),
        () => "the environment is complete and strong enough",
      );
      if (config) {
        for (const check of [checkDisk, checkSecretFiles, checkDatabase, checkLnd, checkPort]) {
          output.progress(`checking ${check.name.replace("check", "").toLowerCase()} ...`);
          findings.push(...(await check(config)));
        }
        output.progress("");
      }
      const sign = {
        ok: output.paint("green", "ok     "),
        warning: output.paint("yellow", "warning"),
        failed: output.paint("red", "failed "),
        "not set": output.paint("dim", "not set"),
      };
      output.result(
        findings,
        findings.map(({ check, state, detail }) => `${sign[state]}  ${check}: ${detail}`),
      );
      if (findings.some(({ state }) => state === "failed")) throw new Exit(EXIT.failed);
    });
}

/** Runs one check; what it throws becomes a finding. */
async function attempt<Result>(
  findings: Finding[],
  check: string,
  work: () => Promise<Result>,
  describe: (result: Result) => string,
): Promise<Result | undefined> {
  try {
    const result = await work();
    findings.push({ check, state: "ok", detail: describe(result) });
    return result;
  } catch (error) {
    findings.push({ check, state: "failed", detail: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  return {
    check: "node",
    state: fits ? "ok" : "failed",
    detail: `${process.version}${fits ? "" : "; 20.19 or later is needed"}`,
  };
}

async function checkDisk(config: Config): Promise<Finding[]> {
  const directory = fs.existsSync(config.DATA_DIR) ? config.DATA_DIR : ".";
  const { bavail, bsize } = fs.statfsSync(directory);
  const free = bavail * bsize;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free${free < MIN_DISK_BYTES ? "; make room: Postgres stops when the disk is full" : ""}`;
  return [{ check: "disk", state: free < MIN_DISK_BYTES ? "failed" : "ok", detail }];
}

/** A macaroon that others can read is a key under the mat. */
async function checkSecretFiles(config: Config): Promise<Finding[]> {
  const files = [config.lnd, config.lndFallback]
    .flatMap((lnd) => [lnd?.invoiceMacaroonPath, lnd?.readonlyMacaroonPath, lnd?.payMacaroonPath])
    .filter((file) => file !== undefined);
  return files.map((file) => {
    if (!fs.existsSync(file)) return { check: "secret file", state: "failed", detail: `${file} does not exist` };
    const open = (fs.statSync(file).mode & 0o007) !== 0;
    return {
      check: "secret file",
      state: open ? "failed" : "ok",
      detail: open ? `${file} is readable by everybody: chmod o-rwx it` : file,
    };
  });
}

async function checkDatabase(config: Config): Promise<Finding[]> {
  const url = config.DATABASE_URL;
  if (url === undefined)
    return [{ check: "database", state: "not set", detail: "make run embeds one; DATABASE_URL names a Postgres 16" }];
  const database = openDatabase({ url, maxConnections: 1, onError: () => undefined });
  const findings: Finding[] = [];
  await attempt(
    findings,
    "database",
    () => schemaVersion(database),
    (version) => {
      const expected = readMigrations().length;
      return version === expected
        ? `schema ${version}`
        : `schema ${version}, ${expected} is expected: satrank migrate (every start does it too)`;
    },
  );
  await database.end();
  return findings;
}

async function checkLnd({ lnd, lndFallback }: Config): Promise<Finding[]> {
  if (!lnd) return [{ check: "lnd", state: "not set", detail: "make run simulates one; LND_* names a real one" }];
  const findings = await checkNodeOfLnd("primary", lnd);
  return lndFallback ? [...findings, ...(await checkNodeOfLnd("fallback", lndFallback))] : findings;
}

/** What a process sees of one node when it starts, for every purpose. */
async function checkNodeOfLnd(node: NodeName, endpoint: LndEndpoint): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const purpose of ["readonly", "invoice", "pay"] as const) {
    const check = `lnd ${node} ${purpose}`;
    if (!hasMacaroon(endpoint, purpose)) {
      findings.push({ check, state: "not set", detail: `${settingOf(node, purpose)}: ${WITHOUT[purpose]}` });
      continue;
    }
    const connection = await attempt(
      findings,
      `${check} credentials`,
      async () => openConnection(node, purpose, endpoint, () => undefined),
      () => "readable",
    );
    if (!connection) continue;
    const { troubles } = await connection.examine(new AbortController().signal);
    findings.push(...troubles.map(({ trouble, words }) => ({ check, state: stateOf(trouble), detail: words })));
    const hasFailed = troubles.some(({ trouble }) => stateOf(trouble) === "failed");
    if (!hasFailed) findings.push({ check, state: "ok", detail: describeConnection(connection) });
    connection.close();
  }
  return findings;
}

/** What a node is not asked for when it has no macaroon for it. */
const WITHOUT: Record<Purpose, string> = {
  readonly: "nothing can be read",
  invoice: "this node makes no invoices",
  pay: "payments and probes are off",
};

function stateOf(trouble: TroubleName): "warning" | "failed" {
  return TROUBLES[trouble] === "notice" ? "warning" : "failed";
}

function describeConnection(connection: LndConnection): string {
  const granted = NEEDS[connection.purpose].map(({ permission }) => permission).join(" and ");
  const info = connection.info();
  if (!info) return `grants ${granted}`;
  return `${info.alias} ${info.nodePubkey}, block ${info.blockHeight}, ${info.channelCount} channels; grants ${granted}`;
}

async function checkPort(config: Config): Promise<Finding[]> {
  const url = `http://${config.HOST}:${config.PORT}/api/health`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    const body = (await response.json()) as { data?: { status?: string } };
    return [
      {
        check: "api",
        state: response.ok ? "ok" : "failed",
        detail: `${url} says ${body.data?.status ?? response.status}`,
      },
    ];
  } catch {
    return [{ check: "api", state: "not set", detail: `nothing answers at ${url}` }];
  }
}
