/**
 * Macaroons as LND bakes and checks them: the identifier carries the permissions (protobuf MacaroonId of
 * macaroon-bakery, version byte 3), caveats only narrow, and every refusal has status UNKNOWN.
 */
import { createHmac } from "node:crypto";
import { encodeMacaroon } from "../../../../core/macaroon/binary.ts";
import { mintMacaroon, signatureHolds } from "../../../../core/macaroon/chain.ts";
import { decodeMacaroon } from "../../../../core/macaroon/decode.ts";
import type { Macaroon } from "../../../../core/macaroon/macaroon.ts";
import { RpcRefusal } from "../node/refusal.ts";

/** `entity:action`, such as `invoices:write`; or `uri:` and the full name of one method. */
export type Permission = `${string}:${string}`;

const ENTITIES = ["onchain", "offchain", "address", "message", "peers", "info", "invoices", "signer", "macaroon"];

/** What each macaroon file may do. The first three are LND's own; the others are baked for one purpose each. */
export const MACAROON_FILES: Record<"admin" | "invoice" | "readonly" | "pay" | "sell" | "read", Permission[]> = {
  admin: ENTITIES.flatMap((entity): Permission[] => [`${entity}:read`, `${entity}:write`, `${entity}:generate`]),
  invoice: ["invoices:read", "invoices:write", "address:read", "address:write", "onchain:read"],
  readonly: ENTITIES.map((entity): Permission => `${entity}:read`),
  pay: ["offchain:read", "offchain:write", "info:read"],
  sell: ["invoices:read", "invoices:write"],
  read: ["info:read", "invoices:read"],
};

/** Version 2 bytes of a macaroon that grants `permissions`. `nonce` tells equal ones apart. */
export function bakeMacaroon(rootKey: Uint8Array, nonce: Uint8Array, permissions: readonly Permission[]): Uint8Array {
  const identifier = encodeIdentifier(nonce, permissions);
  return encodeMacaroon(mintMacaroon(hmacSha256, rootKey, { location: "lnd", identifier, caveats: [] }));
}

/** Passes, or throws what LND would answer. `values` is what came in the metadata under `macaroon`. */
export function checkMacaroon(
  rootKey: Uint8Array,
  values: readonly string[],
  needed: { permission: Permission; path: string },
  now: number,
): void {
  const [hex] = values;
  if (values.length !== 1 || hex === undefined) throw new RpcRefusal(`expected 1 macaroon, got ${values.length}`);
  const macaroon = readMacaroon(hex);
  if (!signatureHolds(hmacSha256, macaroon, rootKey)) {
    throw new RpcRefusal("verification failed: signature mismatch after caveat verification");
  }
  for (const { id } of macaroon.caveats) checkCaveat(Buffer.from(id).toString(), now);
  const granted = decodeIdentifier(macaroon.identifier);
  if (!granted.has(needed.permission) && !granted.has(`uri:${needed.path}`)) throw new RpcRefusal("permission denied");
}

function readMacaroon(hex: string): Macaroon {
  if (hex === "") throw new RpcRefusal("empty macaroon data");
  const stray = /[^0-9a-fA-F]/.exec(hex)?.[0];
  if (stray !== undefined) {
    const point = stray.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    throw new RpcRefusal(`encoding/hex: invalid byte: U+${point} '${stray}'`);
  }
  try {
    return decodeMacaroon(Buffer.from(hex, "hex"));
  } catch {
    throw new RpcRefusal("cannot determine data format of binary-encoded macaroon");
  }
}

/** The one caveat of LND's that means something here; any other is refused, as unknown caveats must be. */
function checkCaveat(caveat: string, now: number): void {
  const [condition, argument = ""] = caveat.split(" ", 2);
  if (condition !== "time-before") throw new RpcRefusal(`caveat "${caveat}" not satisfied: caveat not recognized`);
  const until = Date.parse(argument) / 1000;
  if (!(now < until)) throw new RpcRefusal(`caveat "${caveat}" not satisfied: macaroon has expired`);
}

const IDENTIFIER_VERSION = 3;
const STORAGE_ID = "0";

/** MacaroonId {1: nonce, 2: storage id, 3: repeated Op {1: entity, 2: repeated action}}. */
function encodeIdentifier(nonce: Uint8Array, permissions: readonly Permission[]): Uint8Array {
  const actions = new Map<string, string[]>();
  for (const permission of permissions) {
    const at = permission.indexOf(":");
    const entity = permission.slice(0, at);
    actions.set(entity, [...(actions.get(entity) ?? []), permission.slice(at + 1)]);
  }
  const ops = [...actions].map(([entity, verbs]) =>
    field(3, Buffer.concat([field(1, Buffer.from(entity)), ...verbs.map((verb) => field(2, Buffer.from(verb)))])),
  );
  return Buffer.concat([Buffer.of(IDENTIFIER_VERSION), field(1, nonce), field(2, Buffer.from(STORAGE_ID)), ...ops]);
}

function decodeIdentifier(identifier: Uint8Array): Set<string> {
  const granted = new Set<string>();
  if (identifier[0] !== IDENTIFIER_VERSION) return granted;
  for (const [tag, op] of readFields(identifier.subarray(1))) {
    if (tag !== 3) continue;
    const parts = readFields(op);
    const entity = parts.find(([part]) => part === 1)?.[1];
    for (const [part, action] of parts) if (part === 2) granted.add(`${text(entity)}:${text(action)}`);
  }
  return granted;
}

/** Length-delimited fields below 128 bytes each are all this message has. */
function field(tag: number, data: Uint8Array): Buffer {
  if (data.length > 127) throw new RangeError("an identifier's field is too long");
  return Buffer.concat([Buffer.of((tag << 3) | 2, data.length), data]);
}

function readFields(bytes: Uint8Array): [number, Uint8Array][] {
  const fields: [number, Uint8Array][] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const end = at + 2 + bytes[at + 1]!;
    fields.push([bytes[at]! >> 3, bytes.subarray(at + 2, end)]);
    at = end;
  }
  return fields;
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac("sha256", key).update(message).digest();
}
