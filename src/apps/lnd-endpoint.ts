/** Which LND this process talks to, and under which rights: real when `LND_*` is set, otherwise the demo world's. */
import { readFileSync, statSync } from "node:fs";
import { connectLnd, type LndClient, type LndCredentials, type LndEvent } from "../adapters/lnd/connect.ts";
import { toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";

/** One node, with a macaroon per purpose: least privilege for each process. */
export type LndEndpoint = {
  host: string;
  tlsCertPath: string;
  invoiceMacaroonPath: string | undefined;
  readonlyMacaroonPath: string | undefined;
  payMacaroonPath?: string | undefined;
};

/** What a macaroon is for. */
export type Purpose = "readonly" | "invoice" | "pay";

/** Whether there is a macaroon for this. An empty file is none: a container has to be given some file. */
export function hasMacaroon(endpoint: LndEndpoint, purpose: Purpose): boolean {
  const path = endpoint[`${purpose}MacaroonPath`];
  return path !== undefined && statSync(path, { throwIfNoEntry: false })?.size !== 0;
}

/** Opens a connection under the macaroon of one purpose. @throws CONFIG_INVALID when a file cannot be read */
export function openLnd(endpoint: LndEndpoint, purpose: Purpose, onEvent?: (event: LndEvent) => void): LndClient {
  return connectLnd({ host: endpoint.host, ...readCredentials(endpoint, purpose), ...(onEvent && { onEvent }) });
}

/** What the files of one purpose hold at this moment. @throws CONFIG_INVALID when one cannot be read */
export function readCredentials(endpoint: LndEndpoint, purpose: Purpose): LndCredentials {
  const macaroonPath = endpoint[`${purpose}MacaroonPath`];
  if (macaroonPath === undefined) {
    throw new OracleError("CONFIG_INVALID", `LND_${purpose.toUpperCase()}_MACAROON_PATH is needed here`);
  }
  return { tlsCert: readCredential(endpoint.tlsCertPath), macaroonHex: toHex(readCredential(macaroonPath)) };
}

function readCredential(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", `cannot read ${file}; check the path and its permissions`, { cause });
  }
}
