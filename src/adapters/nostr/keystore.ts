/**
 * Secret keys in a file that says nothing without its passphrase: scrypt (RFC 7914, N = 2^18, r = 8, p = 1; 256 MiB, about a second)
 * and AES-256-GCM. What may be public is readable in it, and bound: changed by one byte, the file does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import fs from "node:fs";
import { promisify } from "node:util";
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { isHex, publicKeyOf } from "../../core/nip85/event.ts";
import { keysInUse, type OracleKey } from "../../core/nip85/key-ring.ts";
import { isKeyRole, type KeyRole } from "../../core/nip85/roles.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import type { ServiceKey } from "./keys.ts";

/** A key of a role, for as long as it was in use: what is secret about it, and what is not. */
export type KeptKey = ServiceKey & OracleKey & { since: UnixSeconds };

/** What can be read without the passphrase. Every number is fixed: a file that asks for other work is refused. */
type PublicPart = {
  version: 1;
  kdf: { name: "scrypt"; N: number; r: number; p: number; salt: string };
  cipher: { name: "aes-256-gcm"; nonce: string };
  keys: { role: KeyRole; pubkey: string; since: number; until: number | null; compromised: boolean }[];
};
type KeystoreFile = PublicPart & { sealed: string };

const SCRYPT = { N: 2 ** 18, r: 8, p: 1 };
const MAX_FILE_BYTES = 65_536;
const TAG_BYTES = 16;
const derive = promisify<Buffer | string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/**
 * The keys of the file, oldest first. @throws CONFIG_INVALID when it is not there, others may read it, its form or its passphrase is wrong, or
 * it was changed. The message never holds the passphrase nor a key.
 */
export async function readKeystore(file: string, passphrase: string): Promise<KeptKey[]> {
  const { sealed, ...open } = parseFile(readPrivate(file), file);
  const key = await keyOf(passphrase, open.kdf.salt);
  const bytes = Buffer.from(sealed, "hex");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(open.cipher.nonce, "hex"), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associated(open));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  let secrets: Buffer;
  try {
    secrets = Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw refused(file, "the passphrase is wrong, or the file was changed");
  }
  const kept = open.keys.map(({ since, until, ...entry }, index) => ({
    ...entry,
    secretKey: new Uint8Array(secrets.subarray(32 * index, 32 * index + 32)),
    since: unixSeconds(since),
    until: until === null ? undefined : unixSeconds(until),
  }));
  if (secrets.length !== 32 * kept.length || kept.some((each) => publicKeyOf(each.secretKey) !== each.pubkey))
    throw refused(file, "its secret keys are not those of its public keys");
  keysInUse(kept);
  return kept;
}

/**
 * Writes all keys, under a salt and nonce of their own. The file is replaced as a whole, and only once it is on disk.
 * @throws CONFIG_INVALID when it cannot be written, or is there and `replace` is not set
 */
export async function writeKeystore(
  file: string,
  passphrase: string,
  keys: readonly KeptKey[],
  { replace }: { replace: boolean },
): Promise<void> {
  keysInUse(keys);
  const open: PublicPart = {
    version: 1,
    kdf: { name: "scrypt", ...SCRYPT, salt: toHex(randomBytes(32)) },
    cipher: { name: "aes-256-gcm", nonce: toHex(randomBytes(12)) },
    keys: keys.map(({ role, pubkey, since, until, compromised }) => {
      return { role, pubkey, since, until: until ?? null, compromised: compromised === true };
    }),
  };
  const key = await keyOf(passphrase, open.kdf.salt);
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.from(open.cipher.nonce, "hex"), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(associated(open));
  const secrets = Buffer.concat(keys.map(({ secretKey }) => secretKey));
  const sealed = toHex(Buffer.concat([cipher.update(secrets), cipher.final(), cipher.getAuthTag()]));
  writePrivate(file, `${JSON.stringify({ ...open, sealed } satisfies KeystoreFile, null, 2)}\n`, replace);
}

function keyOf(passphrase: string, salt: string): Promise<Buffer> {
  const maxmem = 128 * SCRYPT.N * SCRYPT.r * 2;
  return derive(passphrase.normalize("NFKC"), Buffer.from(salt, "hex"), 32, { ...SCRYPT, maxmem });
}

/** The text that the seal covers beside the secrets: everything readable, in one spelling. */
function associated({ version, kdf, cipher, keys }: PublicPart): Buffer {
  const { name, N, r, p, salt } = kdf;
  const entries = keys.map(({ role, pubkey, since, until, compromised }) => [role, pubkey, since, until, compromised]);
  return Buffer.from(
    JSON.stringify(["satrank keystore", version, [name, N, r, p, salt], [cipher.name, cipher.nonce], entries]),
  );
}

function readPrivate(file: string): string {
  let handle: number | undefined;
  try {
    handle = fs.openSync(file, "r");
    const { mode, size } = fs.fstatSync(handle);
    if ((mode & 0o077) !== 0) throw refused(file, "others may read or write it: chmod 600");
    if (size > MAX_FILE_BYTES) throw refused(file, "it is too large");
    return fs.readFileSync(handle, "utf8");
  } catch (cause) {
    if (cause instanceof OracleError) throw cause;
    throw new OracleError("CONFIG_INVALID", `NOSTR_KEYSTORE: cannot read ${file}; satrank keys create makes one`, {
      cause,
    });
  } finally {
    if (handle !== undefined) fs.closeSync(handle);
  }
}

function writePrivate(file: string, text: string, replace: boolean): void {
  const draft = `${file}.${toHex(randomBytes(4))}.draft`;
  try {
    const handle = fs.openSync(draft, "wx", 0o600);
    try {
      fs.writeSync(handle, text);
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
    if (replace) fs.renameSync(draft, file);
    // A link fails where the name is taken, so that two commands at once cannot both make the keys.
    else fs.linkSync(draft, file);
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === "EEXIST";
    throw new OracleError("CONFIG_INVALID", `NOSTR_KEYSTORE: ${taken ? `${file} exists` : `cannot write ${file}`}`, {
      cause,
    });
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

function parseFile(text: string, file: string): KeystoreFile {
  const parsed = parseJson(text) as Partial<KeystoreFile> | undefined;
  const { version, kdf, cipher, keys, sealed } = parsed ?? {};
  if (version !== 1) throw refused(file, "it is no keystore of version 1");
  const derived =
    kdf?.name === "scrypt" && kdf.N === SCRYPT.N && kdf.r === SCRYPT.r && kdf.p === SCRYPT.p && isHex(kdf.salt, 64);
  const encrypted = cipher?.name === "aes-256-gcm" && isHex(cipher.nonce, 24);
  const listed = Array.isArray(keys) && keys.length > 0 && keys.every(isEntry);
  if (!derived || !encrypted || !listed || !isHex(sealed, 2 * (32 * keys.length + TAG_BYTES)))
    throw refused(file, "it is damaged");
  return { version, kdf, cipher, keys, sealed };
}

function isEntry(entry: Partial<PublicPart["keys"][number]> | null): boolean {
  const { role, pubkey, since, until, compromised } = entry ?? {};
  const isTime = (value: unknown) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  if (typeof role !== "string" || !isKeyRole(role) || !isHex(pubkey, 64) || !isTime(since)) return false;
  return (until === null || isTime(until)) && typeof compromised === "boolean";
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(file: string, why: string): OracleError {
  return new OracleError("CONFIG_INVALID", `NOSTR_KEYSTORE ${file}: ${why}`);
}
