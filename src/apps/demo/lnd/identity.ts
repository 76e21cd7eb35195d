/**
 * Who the simulated nodes are: keys, TLS pairs and macaroon root keys, made at the first start and kept from then on.
 * Clients of the nodes find a certificate and macaroons as files, as an operator of LND would.
 */
import { createECDH, randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { OracleError } from "../../../core/errors.ts";
import { createTlsPair, type TlsPair } from "./grpc/certificate.ts";
import { bakeMacaroon, MACAROON_FILES } from "./grpc/permissions.ts";

/** `privateKey` and `macaroonRootKey` are 32 bytes as hex. */
export type Identity = {
  name: string;
  key: string;
  privateKey: string;
  macaroonRootKey: string;
  tls: TlsPair;
  tlsUntil: number;
};

export type MacaroonPaths = Record<keyof typeof MACAROON_FILES, string>;

export type IdentityFile = { seed: string; nodes: Identity[] };

const DAY_SEC = 86_400;
const TLS_RENEW_SEC = 13 * 30 * DAY_SEC;

/** A seed that is given takes the place of the one that was kept. @throws CONFIG_INVALID when the file is damaged */
export async function openIdentities(
  directory: string,
  names: readonly string[],
  options: { seed: string | undefined; defaultSeed: string; now: number },
): Promise<IdentityFile> {
  const path = join(directory, "identity.json");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const kept = await readKept(path);
  const nodes = names.map((name) => {
    const identity = kept?.nodes.find((node) => node.name === name) ?? createIdentity(name, options.now);
    if (options.now < identity.tlsUntil) return identity;
    return { ...identity, tls: createTlsPair(options.now), tlsUntil: options.now + TLS_RENEW_SEC };
  });
  const file = { seed: options.seed ?? kept?.seed ?? options.defaultSeed, nodes };
  await writeDurably(path, JSON.stringify(file, null, 2));
  return file;
}

/** Writes the files a client needs, and says where they are. */
export async function writeClientFiles(
  directory: string,
  identity: Identity,
): Promise<{ tlsCertPath: string; macaroonPaths: MacaroonPaths }> {
  const home = join(directory, identity.name);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const tlsCertPath = join(home, "tls.cert");
  await writeDurably(tlsCertPath, identity.tls.certPem);

  const rootKey = Buffer.from(identity.macaroonRootKey, "hex");
  const paths: Partial<MacaroonPaths> = {};
  for (const [file, permissions] of Object.entries(MACAROON_FILES)) {
    const path = join(home, `${file}.macaroon`);
    await writeDurably(path, bakeMacaroon(rootKey, randomBytes(16), permissions));
    paths[file as keyof MacaroonPaths] = path;
  }
  return { tlsCertPath, macaroonPaths: paths as MacaroonPaths };
}

function createIdentity(name: string, now: number): Identity {
  const curve = createECDH("secp256k1");
  curve.generateKeys();
  return {
    name,
    key: curve.getPublicKey("hex", "compressed"),
    privateKey: curve.getPrivateKey("hex").padStart(64, "0"),
    macaroonRootKey: randomBytes(32).toString("hex"),
    tls: createTlsPair(now),
    tlsUntil: now + TLS_RENEW_SEC,
  };
}

async function readKept(path: string): Promise<IdentityFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new OracleError("CONFIG_INVALID", `${path} cannot be read.`, { cause: error });
  }
  try {
    const file = JSON.parse(text) as IdentityFile;
    if (typeof file.seed === "string" && Array.isArray(file.nodes)) return file;
  } catch {
    // Answered below, with what to do about it.
  }
  throw new OracleError("CONFIG_INVALID", `${path} is damaged. Restore it, or move the folder away to start afresh.`);
}

/** A reader finds the old content or the new, whole, whenever the process dies. */
async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
