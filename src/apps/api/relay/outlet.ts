/** What goes out to one client, as fast as it takes it. Never more than a mark and what one step adds to it is held for it in memory. */
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { FULL_BYTES } from "./bounds.ts";

export type Outlet = ReturnType<typeof createOutlet>;

/** @param wire the connection under `socket` */
export function createOutlet(socket: WebSocket, wire: Duplex) {
  const waiting = new Set<() => void>();
  let [sentFrames, flushedFrames] = [0, 0];
  const release = () => {
    const all = [...waiting];
    waiting.clear();
    for (const resume of all) resume();
  };
  const flushed = () => {
    flushedFrames += 1;
    // Reading was stopped while nothing went out: see `isFull`.
    if (socket.isPaused && !isFull()) socket.resume();
    if (!isFull()) release();
  };
  const isOpen = () => socket.readyState === WebSocket.OPEN;
  const isFull = () => socket.bufferedAmount > FULL_BYTES;
  socket.on("close", release);

  return {
    isOpen,
    isFull,
    /** Frames the system has taken so far, and whether there are any that it has not. */
    progress: () => ({ flushed: flushedFrames, isBehind: flushedFrames < sentFrames }),
    /** Several messages in one write. A client whose answers pile up is not read from either. */
    send(texts: readonly string[]): void {
      if (!isOpen()) return;
      wire.cork();
      for (const text of texts) {
        sentFrames += 1;
        socket.send(text, flushed);
      }
      wire.uncork();
      if (isFull() && !socket.isPaused) socket.pause();
    },
    /** Resolves once there is room, or nobody to send to. */
    async room(): Promise<void> {
      if (isOpen() && isFull()) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    /** Calls back once there is room. */
    whenRoom(callback: () => void): void {
      waiting.add(callback);
    },
  };
}
