/**
 * Why a node cannot be reached. gRPC reports every such failure as UNAVAILABLE, so the handshake is made once more by
 * hand, with error codes to look at. No macaroon is sent.
 */
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { LndClient } from "./connect.ts";
import type { Trouble } from "./trouble.ts";

const HANDSHAKE_MS = 2_000;
/** Calls that fail together share one diagnosis, so that a dead node is not asked once per call. */
const SHARED_FOR_MS = 2_000;
const shared = new WeakMap<LndClient, Promise<Trouble>>();

/** What is wrong, and what the operator should do. Never throws. */
export function diagnoseConnection(client: LndClient): Promise<Trouble> {
  const known = shared.get(client);
  if (known) return known;
  const diagnosis = tryHandshake(client).then(({ trouble, words }) => ({
    trouble,
    words: `LND at ${client.host} is not available: ${words}`,
  }));
  shared.set(client, diagnosis);
  setTimeout(() => shared.delete(client), SHARED_FOR_MS).unref();
  return diagnosis;
}

function tryHandshake(client: LndClient): Promise<Trouble> {
  const [, host = "", port = ""] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(client.host) ?? [];
  const { certificate } = client.channel;
  const options: ConnectionOptions = {
    host,
    port: Number(port),
    servername: "localhost",
    ALPNProtocols: ["h2"],
    // Looks only at the certificate and sends nothing: an untrusted one is what this is here to report.
    rejectUnauthorized: false,
    ca: certificate.toString(),
  };
  return new Promise((resolve) => {
    const finish = (trouble: Trouble) => {
      socket.destroy();
      resolve(trouble);
    };
    const socket = connect(options, () => finish(judgeCertificate(socket, certificate.raw)));
    socket.setTimeout(HANDSHAKE_MS, () =>
      finish({
        trouble: "silent",
        words: "it does not answer; see whether the address is right and the node overloaded",
      }),
    );
    socket.on("error", (error: NodeJS.ErrnoException) => finish(judgeError(error)));
  });
}

function judgeCertificate(socket: TLSSocket, pinned: Buffer): Trouble {
  const shown = socket.getPeerCertificate();
  if (!shown.raw?.equals(pinned)) {
    return {
      trouble: "certificate-changed",
      words: `it shows another certificate (SHA-256 ${shown.fingerprint256}) than the configured one; copy the node's tls.cert again`,
    };
  }
  if (String(socket.authorizationError) === "CERT_HAS_EXPIRED") {
    return {
      trouble: "certificate-expired",
      words: "its certificate has expired; restart LND, which then makes another one, and copy the new tls.cert",
    };
  }
  return {
    trouble: "no-calls",
    words:
      "it accepts connections but no calls; it may be starting or stopping, or its host and port may be LND's REST port",
  };
}

function judgeError(error: NodeJS.ErrnoException): Trouble {
  const { code } = error;
  if (code === "ECONNREFUSED")
    return { trouble: "not-listening", words: "nothing listens there; start LND, or correct its host and port" };
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return { trouble: "host-unknown", words: "the host name has no address; correct LND's host and port" };
  if (code?.startsWith("ERR_SSL"))
    return { trouble: "not-lnd", words: "what answers there speaks no TLS; the port must be that of LND's gRPC" };
  return {
    trouble: "unreachable",
    words: `the connection fails (${code ?? "no code"}); see that the node runs and the network lets it through`,
  };
}
