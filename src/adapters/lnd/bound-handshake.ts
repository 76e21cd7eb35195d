/**
 * A time limit on opening a connection. gRPC sets none: a peer that accepts the connection and then says nothing would
 * keep the channel connecting for as long as the process lives, also when the node has long been back.
 */
import type { Socket } from "node:net";
import type { ChannelCredentials } from "@grpc/grpc-js";

/** TLS and HTTP/2 together; both are a few round trips. */
const HANDSHAKE_MS = 10_000;

/** Makes connections under these credentials fail unless `isReady` says in time that the channel has come up. */
export function boundHandshake(credentials: ChannelCredentials, isReady: () => boolean): ChannelCredentials {
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...options) => {
    const connector = create(...options);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      const timer = setTimeout(() => isReady() || socket.destroy(), HANDSHAKE_MS).unref();
      socket.once("close", () => clearTimeout(timer));
      return Promise.race([connect(socket), whenClosed(socket)]);
    };
    return connector;
  };
  return credentials;
}

/** TLS does not notice when the socket under it is destroyed in the middle of a handshake. */
function whenClosed(socket: Socket): Promise<never> {
  return new Promise((_resolve, reject) => {
    socket.once("close", () => reject(new Error("the connection closed")));
  });
}
