/**
 * Why a node cannot be reached. gRPC reports every such failure as UNAVAILABLE, so the handshake is made once more by
 * hand, with error codes to look at. No macaroon is sent.
 */
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { LndClient } from "./connect.ts";

const HANDSHAKE_MS = 2_000;
/** Calls that fail together share one diagnosis, so that a dead node is not asked once per call. */
const SHARED_FOR_MS = 2_000;
const shared = new WeakMap<LndClient, Promise<string>>();

/** One sentence for the operator. Never throws. */
export function diagnoseConnection(client: LndClient): Promise<string> {
  const known = shared.get(client);
  if (known) return known;
  const diagnosis = tryHandshake(client).then((problem) => `LND at ${client.host} is not available: ${problem}`);
  shared.set(client, diagnosis);
  setTimeout(() => shared.delete(client), SHARED_FOR_MS).unref();
  return diagnosis;
}

function tryHandshake(client: LndClient): Promise<string> {
  const [, host = "", port = ""] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(client.host) ?? [];
  const options: ConnectionOptions = {
    host,
    port: Number(port),
    servername: "localhost",
    ALPNProtocols: ["h2"],
    // Looks only at the certificate and sends nothing: an untrusted one is what this is here to report.
    rejectUnauthorized: false,
    ca: toPem(client.certificate),
  };
  return new Promise((resolve) => {
    const finish = (problem: string) => {
      socket.destroy();
      resolve(problem);
    };
    const socket = connect(options, () => finish(judgeCertificate(socket, client.certificate)));
    socket.setTimeout(HANDSHAKE_MS, () => finish("it does not answer; see whether the address is right"));
    socket.on("error", (error: NodeJS.ErrnoException) => finish(judgeError(error)));
  });
}

function judgeCertificate(socket: TLSSocket, pinned: Buffer): string {
  const shown = socket.getPeerCertificate();
  if (!shown.raw?.equals(pinned)) {
    return `it shows another certificate (SHA-256 ${shown.fingerprint256}) than the configured one; copy the node's tls.cert again`;
  }
  if (String(socket.authorizationError) === "CERT_HAS_EXPIRED") {
    return "its certificate has expired; remove tls.cert and tls.key on the node, restart LND, and copy the new tls.cert";
  }
  return "it accepts connections but no calls; it may be starting or stopping, or LND_GRPC_HOST may name its REST port";
}

function judgeError(error: NodeJS.ErrnoException): string {
  if (error.code === "ECONNREFUSED") return "nothing listens there; start LND, or correct LND_GRPC_HOST";
  if (error.code === "ENOTFOUND" || error.code === "EAI_AGAIN")
    return "the host name has no address; correct LND_GRPC_HOST";
  if (error.code?.startsWith("ERR_SSL"))
    return "what answers there speaks no TLS; LND_GRPC_HOST must be LND's gRPC port";
  return `the connection fails (${error.code ?? "no code"}); see that the node runs and the network lets it through`;
}

function toPem(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
}
