/**
 * A self-signed TLS certificate of the kind LND makes for itself: ECDSA P-256, valid for localhost (X.509 v3, RFC 5280,
 * written in DER by hand since Node can sign but not issue).
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";

export type TlsPair = { certPem: string; keyPem: string };

const OID = {
  ecdsaWithSha256: "06082a8648ce3d040302",
  commonName: "0603550403",
  organization: "060355040a",
  keyUsage: "0603551d0f",
  extKeyUsage: "0603551d25",
  serverAuth: "06082b06010505070301",
  basicConstraints: "0603551d13",
  subjectKeyId: "0603551d0e",
  subjectAltName: "0603551d11",
} as const;
const DAY_SEC = 86_400;
/** LND's own choice: 14 months. */
const VALID_SEC = 14 * 30 * DAY_SEC;

/** `now` in unix seconds; the certificate is valid from a day before. */
export function createTlsPair(now: number): TlsPair {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  return { keyPem, certPem: issueCertificate(keyPem, now) };
}

function issueCertificate(keyPem: string, now: number): string {
  const key = createPrivateKey(keyPem);
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const algorithm = sequence(raw(OID.ecdsaWithSha256));
  const name = sequence(
    set(sequence(raw(OID.organization), utf8String("satrank simulated lnd"))),
    set(sequence(raw(OID.commonName), utf8String("localhost"))),
  );
  const serial = createHash("sha256").update(publicKey).digest().subarray(0, 15);
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))),
    // A leading 1 keeps the serial number positive and in its shortest form.
    tagged(0x02, Buffer.concat([Buffer.of(1), serial])),
    algorithm,
    name,
    sequence(utcTime(now - DAY_SEC), utcTime(now + VALID_SEC)),
    name,
    publicKey,
    tagged(0xa3, sequence(...extensions(publicKey))),
  );
  const certificate = sequence(body, algorithm, bitString(sign("sha256", body, key), 0));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function extensions(publicKey: Buffer): Buffer[] {
  const critical = tagged(0x01, Buffer.of(0xff));
  const names = sequence(
    tagged(0x82, Buffer.from("localhost")),
    tagged(0x87, Buffer.of(127, 0, 0, 1)),
    tagged(0x87, Buffer.concat([Buffer.alloc(15), Buffer.of(1)])),
  );
  const keyId = createHash("sha256").update(publicKey).digest().subarray(0, 20);
  return [
    // digitalSignature, keyEncipherment, keyCertSign: it is its own authority.
    sequence(raw(OID.keyUsage), critical, octets(bitString(Buffer.of(0xa4), 2))),
    sequence(raw(OID.extKeyUsage), octets(sequence(raw(OID.serverAuth)))),
    sequence(raw(OID.basicConstraints), critical, octets(sequence(tagged(0x01, Buffer.of(0xff))))),
    sequence(raw(OID.subjectKeyId), octets(octets(keyId))),
    sequence(raw(OID.subjectAltName), octets(names)),
  ];
}

/** Tag, length in the shortest form, content. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function set(...parts: Buffer[]): Buffer {
  return tagged(0x31, Buffer.concat(parts));
}

function octets(content: Buffer): Buffer {
  return tagged(0x04, content);
}

function bitString(content: Buffer, unusedBits: number): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.of(unusedBits), content]));
}

function utf8String(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text));
}

/** YYMMDDhhmmssZ: good until 2049. */
function utcTime(at: number): Buffer {
  const digits = new Date(at * 1000).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function raw(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}
