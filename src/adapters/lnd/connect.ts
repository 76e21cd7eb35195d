/**
 * A connection to one LND node, under one macaroon.
 *
 * LND signs its own certificate, so trust is the certificate itself: the node must show exactly the one it is pinned
 * to, whatever host name it is reached by. The macaroon is sent only after that.
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { Client, connectivityState, credentials, Metadata } from "@grpc/grpc-js";
import { fromHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";

/** An open connection. Its members are for this folder; everyone else passes it on. */
export type LndClient = {
  /** host:port */
  readonly host: string;
  readonly grpc: Client;
  readonly metadata: Metadata;
  /** How long a call may take when it says nothing else. */
  readonly deadlineMs: number;
  /** The pinned certificate, DER. */
  readonly certificate: Buffer;
};

/** Mainnet's whole graph is about 25 MB; this bounds what a node can make us hold at once. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const DEFAULT_DEADLINE_MS = 10_000;

const CHANNEL_OPTIONS = {
  // Every certificate LND makes names localhost; checkServerIdentity below compares the certificate itself.
  "grpc.ssl_target_name_override": "localhost",
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  // LND closes a connection that is pinged more often than every 5 s, or pinged while no call is open.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 0,
  "grpc.initial_reconnect_backoff_ms": 500,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // A proxy named in the environment must not see these calls, and a DNS TXT record must not configure them.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
};

/**
 * Prepares a connection; the first call opens it, and a lost one is opened again by the next call.
 *
 * `tlsCert` is the node's tls.cert (PEM), `macaroonHex` the macaroon's bytes in hex.
 *
 * @throws CONFIG_INVALID when host, certificate or macaroon cannot be read
 */
export function connectLnd(options: {
  host: string;
  tlsCert: Buffer;
  macaroonHex: string;
  deadlineMs?: number;
}): LndClient {
  const { host, tlsCert, macaroonHex, deadlineMs = DEFAULT_DEADLINE_MS } = options;
  if (!/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(host)) {
    throw new OracleError("CONFIG_INVALID", "the LND host must be host:port, such as 127.0.0.1:10009");
  }
  if (macaroonHex === "" || !fromHex(macaroonHex)) {
    throw new OracleError("CONFIG_INVALID", "the LND macaroon must be a macaroon file's bytes");
  }
  const certificate = readCertificate(tlsCert);

  const metadata = new Metadata();
  metadata.set("macaroon", macaroonHex);
  const secureContext = createSecureContext({ ca: tlsCert, allowPartialTrustChain: true, minVersion: "TLSv1.2" });
  const channelCredentials = credentials.createFromSecureContext(secureContext, {
    checkServerIdentity: (_host, shown) =>
      shown.raw.equals(certificate) ? undefined : new Error("the node shows another certificate than the pinned one"),
  });
  return { host, grpc: new Client(host, channelCredentials, CHANNEL_OPTIONS), metadata, deadlineMs, certificate };
}

/** Takes no further calls (they fail with LND_UNAVAILABLE); those under way go on to their end, or until their signal aborts. */
export function closeLnd(client: LndClient): void {
  client.grpc.close();
}

/** After {@link closeLnd}. gRPC throws at a call on a closed channel instead of failing it. */
export function isClosed(client: LndClient): boolean {
  return client.grpc.getChannel().getConnectivityState(false) === connectivityState.SHUTDOWN;
}

function readCertificate(pem: Buffer): Buffer {
  try {
    return new X509Certificate(pem).raw;
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", "the LND certificate is not a PEM certificate: use the node's tls.cert", {
      cause,
    });
  }
}
