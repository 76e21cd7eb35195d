import { createPrivateKey, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { createTlsPair } from "./certificate.ts";

test("the certificate is a server's for localhost, signed by its own key", () => {
  const now = 1_770_000_000;
  const { certPem, keyPem } = createTlsPair(now);
  const certificate = new X509Certificate(certPem);

  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
  expect(certificate.ca).toBe(true);
  expect(certificate.checkHost("localhost")).toBe("localhost");
  expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(certificate.checkHost("example.com")).toBeUndefined();
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  expect(Date.parse(certificate.validFrom) / 1000).toBe(now - 86_400);
  expect(Date.parse(certificate.validTo) / 1000).toBe(now + 420 * 86_400);
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
});
