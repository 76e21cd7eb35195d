/** TLS over a connection that is already there. The certificate must be good for the name in the URL, whatever was dialled. */
import { isIP, type Socket } from "node:net";
import tls from "node:tls";
import { codeOf, Fault } from "./fault.ts";

/** @param authorities PEM certificates to trust besides the built-in ones. @throws Fault tls, or the signal's reason */
export function secure(
  socket: Socket,
  host: string,
  authorities: readonly string[],
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const wrapped = tls.connect({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(authorities.length > 0 ? { ca: [...tls.rootCertificates, ...authorities] } : {}),
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      // Said here as well, because an environment variable can change the default for the whole process.
      rejectUnauthorized: true,
    });
    const end = (settle: () => void) => {
      signal.removeEventListener("abort", stop);
      wrapped.removeListener("close", closed);
      settle();
    };
    const fail = (reason: unknown) =>
      end(() => {
        wrapped.destroy();
        socket.destroy();
        reject(reason);
      });
    const stop = () => fail(signal.reason);
    const closed = () => fail(new Fault("tls", "theirs", "hung up during the handshake"));
    // Later errors reach the HTTP client through its own listener; this one stays so that none is ever without.
    wrapped.on("error", (error) => fail(new Fault("tls", "theirs", `no TLS (${codeOf(error) || "handshake"})`)));
    wrapped.once("close", closed);
    wrapped.once("secureConnect", () => end(() => resolve(wrapped)));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
