/** A self-signed certificate like the one LND makes (ECDSA P-256, SHA-256, localhost), in X.509 DER by hand. */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

export type Certificate = { cert: Buffer; key: Buffer };

/** `validUntil` is years from 1950 to 2049 in UTCTime, YYMMDDHHMMSSZ; `hosts` are DNS names. Both parts are PEM. */
export function makeCertificate(validUntil = "491231235959Z", hosts: readonly string[] = ["localhost"]): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid("2a8648ce3d040302"));
  const name = sequence(tag(0x31, sequence(oid("550403"), tag(0x0c, Buffer.from("test node")))));
  const authority = sequence(oid("551d13"), tag(0x04, sequence(tag(0x01, Buffer.from([0xff])))));
  const hostNames = sequence(oid("551d11"), tag(0x04, sequence(...hosts.map((host) => tag(0x82, Buffer.from(host))))));
  const body = sequence(
    tag(0xa0, tag(0x02, Buffer.from([2]))),
    tag(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name,
    sequence(tag(0x17, Buffer.from("200101000000Z")), tag(0x17, Buffer.from(validUntil))),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tag(0xa3, sequence(authority, hostNames)),
  );
  const signature = sign("sha256", body, privateKey);
  const whole = sequence(body, algorithm, tag(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const cert = `-----BEGIN CERTIFICATE-----\n${whole.toString("base64")}\n-----END CERTIFICATE-----\n`;
  return { cert: Buffer.from(cert), key: Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })) };
}

function tag(type: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([type, length]), content]);
  if (length < 0x100) return Buffer.concat([Buffer.from([type, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([type, 0x82, length >> 8, length & 0xff]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tag(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return tag(0x06, Buffer.from(hex, "hex"));
}
