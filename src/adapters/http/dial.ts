/** A TCP connection to one of several addresses that were vetted, and to no other. Source: RFC 8305 (Happy Eyeballs). */
import net from "node:net";
import { normalAddress } from "./address.ts";
import { codeOf, Fault } from "./fault.ts";

/** After this long the next address is tried as well; the first that connects is taken. */
const NEXT_AFTER_MS = 250;
const MAX_ADDRESSES = 6;

/** System errors that say that the way out of this machine is missing: they tell nothing of the other side. */
const OURS = new Set([
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "EACCES",
  "EPERM",
]);

/**
 * Connects to the first that answers. Addresses are plain and already vetted; the families take turns, IPv6 first.
 * @throws Fault connect, address-refused, or the signal's reason. Every connection but the one that is returned is closed
 */
export function dial(addresses: readonly string[], port: number, signal: AbortSignal): Promise<net.Socket> {
  const waiting = takeTurns(addresses).slice(0, MAX_ADDRESSES);
  return new Promise((resolve, reject) => {
    const open = new Set<net.Socket>();
    const codes: string[] = [];
    let timer: NodeJS.Timeout | undefined;
    let ended = false;
    const end = (settle: () => void, winner?: net.Socket) => {
      ended = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      for (const socket of open) if (socket !== winner) socket.destroy();
      settle();
    };
    const stop = () => end(() => reject(signal.reason));
    const next = () => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) {
        if (open.size === 0) end(() => reject(nobodyAnswered(codes)));
        return;
      }
      const socket = net.connect({ host: address, port, autoSelectFamily: false });
      open.add(socket);
      socket.once("connect", () => {
        socket.removeAllListeners("error").on("error", () => undefined);
        const fault = strangePeer(socket, address);
        end(() => (fault ? reject(fault) : resolve(socket)), fault ? undefined : socket);
      });
      socket.once("error", (error) => {
        codes.push(codeOf(error));
        open.delete(socket);
        socket.destroy();
        if (!ended) next();
      });
      timer = setTimeout(next, NEXT_AFTER_MS);
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    next();
  });
}

/** The system says whom it connected to: nobody but the address that was vetted will do. */
export function strangePeer(socket: Pick<net.Socket, "remoteAddress">, vetted: string): Fault | undefined {
  const peer = normalAddress(socket.remoteAddress);
  if (peer !== undefined && peer === normalAddress(vetted)) return undefined;
  return new Fault("address-refused", "ours", "the connection leads to another address than the one that was vetted");
}

function takeTurns(addresses: readonly string[]): string[] {
  const v6 = addresses.filter((address) => net.isIPv6(address));
  const v4 = addresses.filter((address) => !net.isIPv6(address));
  return Array.from({ length: Math.max(v6.length, v4.length) }, (_, index) => [v6[index], v4[index]])
    .flat()
    .filter((address) => address !== undefined);
}

function nobodyAnswered(codes: readonly string[]): Fault {
  const detail = `no connection (${[...new Set(codes)].join(", ")})`;
  if (codes.some((code) => code === "ECONNREFUSED" || code === "ECONNRESET"))
    return new Fault("connect", "theirs", detail);
  return new Fault("connect", codes.every((code) => OURS.has(code)) ? "ours" : "unknown", detail);
}
