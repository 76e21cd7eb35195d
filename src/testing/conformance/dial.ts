/** A plain grpc-js client of LND that decodes nothing for its caller: statuses and fields as they come. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Client, type ClientReadableStream, credentials, Metadata, makeClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

// biome-ignore lint/suspicious/noExplicitAny: answers of a dynamic client are checked by what is expected of them
export type Answer = any;

/** `cert` is PEM, `macaroon` hex; an absent macaroon is not sent. */
export type Access = { host: string; cert: string | Buffer; macaroon?: string | undefined };

export type Dialed = ReturnType<typeof dial>;

const SERVICES: Record<string, string> = {
  lightning: "lnrpc.Lightning",
  state: "lnrpc.State",
  router: "routerrpc.Router",
  invoices: "invoicesrpc.Invoices",
  version: "verrpc.Versioner",
};

const protos = loadSync(
  [
    "lightning.proto",
    "stateservice.proto",
    "routerrpc/router.proto",
    "invoicesrpc/invoices.proto",
    "verrpc/verrpc.proto",
  ],
  {
    includeDirs: [
      join(dirname(createRequire(import.meta.url).resolve("@lightningpolar/lnd-api/package.json")), "protos"),
    ],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  },
);

/** Longer than a payee waits for parts, on a machine that is busy with other things. */
const CALL_DEADLINE_MS = 290_000;

/** Connects lazily. `rpc` is `<service>.<Method>` with the services above, such as `lightning.GetInfo`. */
export function dial({ host, cert, macaroon }: Access) {
  const metadata = new Metadata();
  if (macaroon !== undefined) metadata.set("macaroon", macaroon);
  const channel = new Client(host, credentials.createSsl(Buffer.from(cert)), {
    "grpc.max_receive_message_length": 2 ** 28,
    "grpc.ssl_target_name_override": "localhost",
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 500,
  });
  const clients = new Map<string, Client>();
  const method = (rpc: string) => {
    const [name = "", call = ""] = rpc.split(".");
    const service = SERVICES[name]!;
    let client = clients.get(service);
    if (!client) {
      const Constructor = makeClientConstructor(protos[service] as never, service);
      client = new Constructor(host, credentials.createInsecure(), { channelOverride: channel.getChannel() });
      clients.set(service, client);
    }
    return (client as Answer)[call].bind(client);
  };
  return {
    /** One answer. Rejects with a ServiceError. */
    call: (rpc: string, request: object = {}) =>
      new Promise<Answer>((resolve, reject) => {
        const deadline = Date.now() + CALL_DEADLINE_MS;
        method(rpc)(request, metadata, { deadline }, (error: Error | null, answer: Answer) =>
          error ? reject(error) : resolve(answer),
        );
      }),
    /** A stream, as grpc-js has it. */
    open: (rpc: string, request: object = {}): ClientReadableStream<Answer> => method(rpc)(request, metadata),
    /** Every message of a stream that ends. Rejects with a ServiceError. */
    async all(rpc: string, request: object = {}): Promise<Answer[]> {
      const answers: Answer[] = [];
      for await (const answer of method(rpc)(request, metadata)) answers.push(answer);
      return answers;
    },
    close: () => channel.close(),
  };
}
