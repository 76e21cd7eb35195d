/**
 * A process that answers DescribeGraph with the bytes of a file, as fast as they can be sent: a node of its own, so that what
 * is measured on the other side is not its work.
 */
import { readFileSync } from "node:fs";
import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { methodOf } from "../../adapters/lnd/rpcs.ts";
import { makeCertificate } from "../self-signed-certificate.ts";

const bytes = readFileSync(process.argv[2] ?? "");
const server = new Server({ "grpc.max_send_message_length": -1 });
const definition = { DescribeGraph: { ...methodOf("DescribeGraph"), responseSerialize: (answer: Buffer) => answer } };
server.addService(definition as unknown as ServiceDefinition, {
  DescribeGraph: (_call: unknown, callback: (error: null, answer: Buffer) => void) => callback(null, bytes),
});
const certificate = makeCertificate();
const credentials = ServerCredentials.createSsl(null, [{ cert_chain: certificate.cert, private_key: certificate.key }]);
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
  if (error) throw error;
  process.send?.({ host: `127.0.0.1:${port}`, certificate: certificate.cert.toString() });
});
process.on("disconnect", () => process.exit(0));
