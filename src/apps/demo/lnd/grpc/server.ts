/**
 * One simulated LND: a gRPC server over TLS that speaks LND's own .proto files for one node of the world.
 *
 * Every call is checked for its macaroon first. What is not in the tables answers UNIMPLEMENTED.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { RPC_STATUS, RpcRefusal } from "../node/refusal.ts";
import type { TlsPair } from "./certificate.ts";
import { listen } from "./listen.ts";
import { checkMacaroon, type Permission } from "./permissions.ts";
import type { Message } from "./request.ts";
import { channelRpcs } from "./rpc/channels.ts";
import { graphRpcs } from "./rpc/graph.ts";
import { holdInvoiceRpcs } from "./rpc/hold-invoices.ts";
import { invoiceRpcs } from "./rpc/invoices.ts";
import { operatorRpcs } from "./rpc/operator.ts";
import { paymentListRpcs } from "./rpc/payment-list.ts";
import { paymentRpcs } from "./rpc/payments.ts";
import { routeRpcs } from "./rpc/routes.ts";
import type { RpcTable, Scene, Stream, StreamRpc, UnaryRpc } from "./rpc/rpc.ts";
import { sendToRouteRpcs } from "./rpc/send-to-route.ts";

export type NodeServer = {
  port: number;
  /** In order: calls under way get a moment, streams end as LND ends them. */
  stop(): Promise<void>;
  /** As a killed process: every connection breaks, and nobody listens any more. */
  kill(): void;
  /** Every connection breaks, and new ones are taken. */
  dropConnections(): void;
};

const RPCS: RpcTable = {
  ...channelRpcs,
  ...graphRpcs,
  ...holdInvoiceRpcs,
  ...invoiceRpcs,
  ...paymentListRpcs,
  ...paymentRpcs,
  ...operatorRpcs,
  ...routeRpcs,
  ...sendToRouteRpcs,
};
const SERVICES = ["lnrpc.State", "lnrpc.Lightning", "routerrpc.Router", "invoicesrpc.Invoices", "verrpc.Versioner"];
const PROTO_FILES = [
  "lightning.proto",
  "stateservice.proto",
  "routerrpc/router.proto",
  "invoicesrpc/invoices.proto",
  "verrpc/verrpc.proto",
];
/** A client that stops reading is let go before it fills the memory. */
const MAX_UNREAD_MESSAGES = 10_000;
const STOP_GRACE_MS = 1_000;

/** Listens on loopback; `port` 0 takes a free one. @throws EADDRINUSE */
export async function startNodeServer(
  scene: Scene,
  options: { tls: TlsPair; macaroonRootKey: Uint8Array; port: number },
): Promise<NodeServer> {
  const { tls, macaroonRootKey } = options;
  const { conduct } = scene;
  const server = new Server({ "grpc.max_receive_message_length": 4 * 1024 * 1024 });
  const streams = new Set<OpenStream>();
  const guard = async (metadata: Metadata, path: string, permission: Permission | undefined) => {
    await conduct.wait(path);
    if (permission === undefined) return;
    conduct.checkState();
    const values = metadata.get("macaroon").map(String);
    checkMacaroon(macaroonRootKey, values, { permission, path }, scene.world.now());
  };
  const host: Host = { scene, guard, streams };
  const protos = loadProtos();
  for (const service of SERVICES) {
    const definition = protos[service] as ServiceDefinition;
    server.addService(withRawGraph(definition), implement(definition, host));
  }
  const pair = { private_key: Buffer.from(tls.keyPem), cert_chain: Buffer.from(tls.certPem) };
  const injector = server.createConnectionInjector(ServerCredentials.createSsl(null, [pair]));
  const listener = await listen(options.port, (socket) => injector.injectConnection(socket));
  return {
    port: listener.port,
    stop() {
      listener.close();
      for (const { stream, farewell } of streams) farewell ? stream.fail(farewell) : stream.end();
      return stopServer(server);
    },
    kill() {
      listener.close();
      listener.breakConnections();
      server.forceShutdown();
    },
    dropConnections: () => listener.breakConnections(),
  };
}

/** Waits where it is told to, then lets the call pass or throws what LND would answer. */
type Guard = (metadata: Metadata, path: string, permission: Permission | undefined) => Promise<void>;
type OpenStream = { stream: Stream; farewell: RpcRefusal | undefined };
type Host = { scene: Scene; guard: Guard; streams: Set<OpenStream> };

function implement(definition: ServiceDefinition, host: Host): UntypedServiceImplementation {
  const handlers: UntypedServiceImplementation = {};
  for (const [name, { path }] of Object.entries(definition)) {
    const rpc = RPCS[path];
    if (!rpc) continue;
    handlers[name] = "answer" in rpc ? unary(rpc, path, host) : streaming(rpc, path, host);
  }
  return handlers;
}

function unary(rpc: UnaryRpc, path: string, { scene, guard }: Host): handleUnaryCall<Message, Message | Buffer> {
  return async (call, callback) => {
    try {
      await guard(call.metadata, path, rpc.permission);
      callback(null, await rpc.answer(scene, call.request));
    } catch (error) {
      callback(refusalOf(error));
    }
  };
}

function streaming(
  rpc: StreamRpc,
  path: string,
  { scene, guard, streams }: Host,
): handleServerStreamingCall<Message, Message> {
  return async (call) => {
    const stream = openStream(call);
    const open = { stream, farewell: rpc.farewell };
    streams.add(open);
    stream.onClosed(() => streams.delete(open));
    try {
      await guard(call.metadata, path, rpc.permission);
      // LND sends its headers with the first message, so a quiet stream does not tell its client when it has begun.
      rpc.stream(scene, call.request, stream);
    } catch (error) {
      stream.fail(error);
    }
  };
}

function openStream(call: ServerWritableStream<Message, Message>): Stream {
  let isOpen = true;
  const listeners: (() => void)[] = [];
  const close = () => {
    isOpen = false;
    for (const listener of listeners.splice(0)) listener();
  };
  const fail = (error: unknown) => {
    if (!isOpen) return;
    close();
    call.emit("error", refusalOf(error));
  };
  call.on("cancelled", close);
  call.on("close", close);
  return {
    send(message) {
      if (!isOpen) return;
      if (call.writableLength < MAX_UNREAD_MESSAGES) call.write(message);
      else fail(new RpcRefusal("the client does not read", RPC_STATUS.unavailable));
    },
    end() {
      if (!isOpen) return;
      close();
      call.end();
    },
    fail,
    onClosed(listener) {
      if (isOpen) listeners.push(listener);
      else listener();
    },
  };
}

/** In the shape grpc-js puts on the wire. What LND would never say is an internal error without its words. */
function refusalOf(error: unknown): { code: number; details: string } {
  if (error instanceof RpcRefusal) return { code: error.code, details: error.details };
  return { code: RPC_STATUS.internal, details: "the simulated node failed" };
}

/** DescribeGraph hands out bytes that are encoded once. */
function withRawGraph(definition: ServiceDefinition): ServiceDefinition {
  const method = definition["DescribeGraph"];
  if (!method) return definition;
  return { ...definition, DescribeGraph: { ...method, responseSerialize: (bytes: Buffer) => bytes } };
}

let loaded: PackageDefinition | undefined;

function loadProtos(): PackageDefinition {
  const packageJson = createRequire(import.meta.url).resolve("@lightningpolar/lnd-api/package.json");
  loaded ??= loadSync(PROTO_FILES, {
    includeDirs: [join(dirname(packageJson), "protos")],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return loaded;
}

/** Calls under way get a moment; streams that never end do not. */
async function stopServer(server: Server): Promise<void> {
  const timer = setTimeout(() => server.forceShutdown(), STOP_GRACE_MS);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(timer);
}
