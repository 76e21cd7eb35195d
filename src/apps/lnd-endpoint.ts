/** Which LND this process talks to, and under which rights: real when `LND_*` is set, otherwise the demo world's. */
import { readFileSync } from "node:fs";
import { connectLnd, type LndClient } from "../adapters/lnd/connect.ts";
import { toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";

/** One node, with a macaroon per purpose: least privilege for each process. */
export type LndEndpoint = {
  host: string;
  tlsCertPath: string;
  invoiceMacaroonPath: string | undefined;
  readonlyMacaroonPath: string | undefined;
};

/** Opens a connection under the macaroon of one purpose. @throws CONFIG_INVALID when a file cannot be read */
export function openLnd(endpoint: LndEndpoint, purpose: "invoice" | "readonly"): LndClient {
  const macaroonPath = purpose === "invoice" ? endpoint.invoiceMacaroonPath : endpoint.readonlyMacaroonPath;
  if (macaroonPath === undefined) {
    throw new OracleError("CONFIG_INVALID", `LND_${purpose.toUpperCase()}_MACAROON_PATH is needed here`);
  }
  const tlsCert = readCredential(endpoint.tlsCertPath);
  return connectLnd({ host: endpoint.host, tlsCert, macaroonHex: toHex(readCredential(macaroonPath)) });
}

function readCredential(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", `cannot read ${file}; check the path and its permissions`, { cause });
  }
}
