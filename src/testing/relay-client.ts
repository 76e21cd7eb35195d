/** A client of a relay that keeps every message as it came. */
import { once } from "node:events";
import type { ConnectionOptions } from "node:tls";
import { type ClientOptions, WebSocket } from "ws";

export type Answer = { events: string[]; end: unknown[] };
export type RelayClient = Awaited<ReturnType<typeof openRelayClient>>;

export async function openRelayClient(
  url: string,
  options: ClientOptions & Pick<ConnectionOptions, "servername"> = {},
) {
  const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
  const heard: string[] = [];
  let wake = () => {};
  let read = 0;
  socket.on("message", (data) => {
    heard.push(String(data));
    wake();
  });
  socket.on("close", () => wake());
  await once(socket, "open");

  /** The next message not read yet, as it came. @throws when the connection ends first */
  async function nextText(): Promise<string> {
    while (read >= heard.length) {
      if (socket.readyState !== WebSocket.OPEN) throw new Error("the connection ended");
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return heard[read++]!;
  }
  const send = (...message: unknown[]) => socket.send(JSON.stringify(message));

  return {
    socket,
    send,
    nextText,
    next: async () => JSON.parse(await nextText()) as unknown[],
    /** Messages that came and were not read. */
    unread: () => heard.slice(read).map((text) => JSON.parse(text) as unknown[]),
    /** Asks, and reads to the end of what is stored: the bodies as they came, and the message that ended it. */
    async ask(verb: "REQ" | "COUNT", id: string, ...filters: unknown[]): Promise<Answer> {
      send(verb, id, ...filters);
      const head = `["EVENT",${JSON.stringify(id)},`;
      for (const events: string[] = []; ; ) {
        const text = await nextText();
        if (text.startsWith(head)) events.push(text.slice(head.length, -1));
        else return { events, end: JSON.parse(text) };
      }
    },
    close: () => socket.terminate(),
  };
}
