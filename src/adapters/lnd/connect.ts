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
import { boundHandshake } from "./bound-handshake.ts";
import { type Breaker, type BreakerState, createBreaker } from "./breaker.ts";
import type { Rpc } from "./rpcs.ts";
import { watchChannel } from "./watch-channel.ts";

/** How a call ended: `refused` is any answer that is no success, `paused` a call that a breaker let nobody make. */
export type CallOutcome = "ok" | "refused" | "unavailable" | "deadline" | "aborted" | "paused";

/** What happens on a connection, for logs and metrics. */
export type LndEvent =
  | { kind: "call"; rpc: Rpc; outcome: CallOutcome; seconds: number }
  | { kind: "breaker"; rpc: Rpc; state: BreakerState }
  | { kind: "connection"; state: "connected" | "disconnected" };

/** What opens a node: its tls.cert (PEM), and a macaroon's bytes in hex. */
export type LndCredentials = { tlsCert: Buffer; macaroonHex: string };

/** An open connection. Its members are for this folder; everyone else passes it on. */
export type LndClient = {
  /** host:port */
  readonly host: string;
  /** How long a call may take when it says nothing else. */
  readonly deadlineMs: number;
  /** The breaker of each RPC that was called, by its name. */
  readonly breakers: Map<Rpc, Breaker>;
  readonly hear: (event: LndEvent) => void;
  /** Replaced whole when the connection is made anew, so it is read for each call. */
  channel: LndChannel;
};

/** What a connection consists of for as long as its credentials hold. */
export type LndChannel = {
  readonly credentials: LndCredentials;
  readonly grpc: Client;
  readonly metadata: Metadata;
  /** The pinned certificate. */
  readonly certificate: X509Certificate;
};

/** Mainnet's whole graph is about 25 MB; this bounds what a node can make us hold at once. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const DEFAULT_DEADLINE_MS = 10_000;

const CHANNEL_OPTIONS = {
  // Every certificate LND makes names localhost; checkServerIdentity below compares the certificate itself.
  "grpc.ssl_target_name_override": "localhost",
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  // A peer that vanished without a word is found within 15 s of a call. LND closes a connection that is pinged more often
  // than every 5 s, or pinged while no call is open.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 0,
  "grpc.initial_reconnect_backoff_ms": 500,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // A proxy named in the environment must not see these calls, and a DNS TXT record must not configure them.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
};

/**
 * Prepares a connection; the first call opens it, and a lost one is opened again by the next call. `onEvent` hears how
 * it fares.
 *
 * @throws CONFIG_INVALID when host, certificate or macaroon cannot be read
 */
export function connectLnd(
  options: LndCredentials & { host: string; deadlineMs?: number; onEvent?: (event: LndEvent) => void },
): LndClient {
  const { host, tlsCert, macaroonHex, deadlineMs = DEFAULT_DEADLINE_MS, onEvent = () => undefined } = options;
  if (!/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(host)) {
    throw new OracleError("CONFIG_INVALID", "the LND host must be host:port, such as 127.0.0.1:10009");
  }
  const channel = openChannel(host, { tlsCert, macaroonHex });
  const client: LndClient = { host, deadlineMs, breakers: new Map(), hear: onEvent, channel };
  follow(client);
  return client;
}

/**
 * Goes on under other credentials: a node renews its certificate, an operator bakes another macaroon. Calls under way
 * end on the old connection. False when the credentials are those in use.
 *
 * @throws CONFIG_INVALID, changing nothing, when they cannot be read
 */
export function renewLnd(client: LndClient, next: LndCredentials): boolean {
  const { tlsCert, macaroonHex } = client.channel.credentials;
  if (tlsCert.equals(next.tlsCert) && macaroonHex === next.macaroonHex) return false;
  const { grpc } = client.channel;
  client.channel = openChannel(client.host, next);
  grpc.close();
  follow(client);
  return true;
}

/** Takes no further calls (they fail with LND_UNAVAILABLE); those under way go on to their end, or until their signal aborts. */
export function closeLnd(client: LndClient): void {
  client.channel.grpc.close();
}

/** After {@link closeLnd}. gRPC throws at a call on a closed channel instead of failing it. */
export function isClosed(client: LndClient): boolean {
  return client.channel.grpc.getChannel().getConnectivityState(false) === connectivityState.SHUTDOWN;
}

/** The breaker of one RPC. */
export function breakerOf(client: LndClient, rpc: Rpc): Breaker {
  const known = client.breakers.get(rpc);
  if (known) return known;
  const onChange = (state: BreakerState) => client.hear({ kind: "breaker", rpc, state });
  const breaker = createBreaker({ nowMs: () => performance.now(), random: Math.random, onChange });
  client.breakers.set(rpc, breaker);
  return breaker;
}

function follow(client: LndClient): void {
  watchChannel(client.channel.grpc.getChannel(), (isConnected) =>
    client.hear({ kind: "connection", state: isConnected ? "connected" : "disconnected" }),
  );
}

function openChannel(host: string, { tlsCert, macaroonHex }: LndCredentials): LndChannel {
  if (macaroonHex === "" || !fromHex(macaroonHex)) {
    throw new OracleError("CONFIG_INVALID", "the LND macaroon must be a macaroon file's bytes");
  }
  const certificate = readCertificate(tlsCert);
  const metadata = new Metadata();
  metadata.set("macaroon", macaroonHex);
  const secureContext = createSecureContext({ ca: tlsCert, allowPartialTrustChain: true, minVersion: "TLSv1.2" });
  const channelCredentials = credentials.createFromSecureContext(secureContext, {
    checkServerIdentity: (_host, shown) =>
      shown.raw.equals(certificate.raw)
        ? undefined
        : new Error("the node shows another certificate than the pinned one"),
  });
  const isReady = (): boolean => grpc.getChannel().getConnectivityState(false) === connectivityState.READY;
  const grpc = new Client(host, boundHandshake(channelCredentials, isReady), CHANNEL_OPTIONS);
  return { credentials: { tlsCert, macaroonHex }, grpc, metadata, certificate };
}

function readCertificate(pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", "the LND certificate is not a PEM certificate: use the node's tls.cert", {
      cause,
    });
  }
}
