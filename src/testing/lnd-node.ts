/** A gRPC server with LND's protos that answers what a test tells it to: for what a real node cannot be made to say. */
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { methodOf, RPCS, type Rpc } from "../adapters/lnd/rpcs.ts";
import { type Certificate, makeCertificate } from "./self-signed-certificate.ts";

/** A gRPC status instead of an answer. */
export class Refusal {
  readonly code: status;
  readonly details: string;

  constructor(code: status, details = "") {
    this.code = code;
    this.details = details;
  }
}

type Request = Record<string, unknown>;
/** What a unary call is answered with: a message, or a status. May never resolve. */
type Unary = (request: Request, macaroon: string) => object | Refusal | Promise<object | Refusal>;
/** What a stream does: writes, ends, emits an error, or nothing. */
type Stream = (stream: ServerWritableStream<Request, object>) => void;

const STREAMS = new Set<Rpc>(["SubscribeChannelGraph", "SubscribeInvoices", "SendPaymentV2", "TrackPaymentV2"]);

export type TestNode = {
  host: string;
  certificate: Certificate;
  /** Replaces the behaviour of an RPC; those never set are UNIMPLEMENTED. */
  unary: Partial<Record<Rpc, Unary>>;
  stream: Partial<Record<Rpc, Stream>>;
  /** Ends all connections at once, as a killed node does. */
  kill(): void;
};

/** Starts on a free loopback port. GetState says SERVER_ACTIVE until told otherwise. */
export async function startTestNode(certificate = makeCertificate()): Promise<TestNode> {
  const server = new Server({ "grpc.max_send_message_length": -1 });
  const node: TestNode = {
    host: "",
    certificate,
    unary: { GetState: () => ({ state: "SERVER_ACTIVE" }) },
    stream: {},
    kill: () => server.forceShutdown(),
  };
  for (const rpc of Object.keys(RPCS) as Rpc[]) {
    const definition = { [rpc]: methodOf(rpc) } as unknown as ServiceDefinition;
    server.addService(definition, { [rpc]: STREAMS.has(rpc) ? answerStream(node, rpc) : answerUnary(node, rpc) });
  }
  const credentials = ServerCredentials.createSsl(null, [
    { cert_chain: certificate.cert, private_key: certificate.key },
  ]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  node.host = `127.0.0.1:${port}`;
  return node;
}

function answerUnary(node: TestNode, rpc: Rpc): handleUnaryCall<Request, object> {
  return async (call, callback) => {
    const answer = await (node.unary[rpc] ?? unimplemented)(call.request, String(call.metadata.get("macaroon")[0]));
    if (answer instanceof Refusal) callback({ code: answer.code, details: answer.details });
    else callback(null, answer);
  };
}

function answerStream(node: TestNode, rpc: Rpc): Stream {
  return (stream) => {
    const behave = node.stream[rpc];
    if (behave) behave(stream);
    else stream.emit("error", { code: status.UNIMPLEMENTED, details: rpc });
  };
}

function unimplemented(): Refusal {
  return new Refusal(status.UNIMPLEMENTED);
}
