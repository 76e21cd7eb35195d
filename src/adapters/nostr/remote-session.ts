/**
 * A conversation with a remote signer over one relay: encrypted requests go out, answers are matched to them by id. Bounded in size, number and
 * time, whatever the relay or the signer does. Sources: NIP-46, NIP-44.
 */
import { randomBytes } from "node:crypto";
import { decrypt, encrypt, getConversationKey } from "nostr-tools/nip44";
import { WebSocket } from "ws";
import { toHex } from "../../core/bytes.ts";
import { type ErrorCode, OracleError } from "../../core/errors.ts";
import { readEvent, type UnsignedEvent } from "../../core/nip85/event.ts";
import { printable } from "../../core/nip85/relay-answer.ts";
import type { EventCrypto } from "./event-crypto.ts";
import type { ServiceKey } from "./keys.ts";

export type RemoteSession = {
  isOpen(): boolean;
  /** The result as text. @throws SIGNER_UNAVAILABLE, SIGNER_REFUSED */
  request(method: string, params: readonly string[]): Promise<string>;
  close(): void;
};

export type SessionOptions = {
  relay: string;
  signerPubkey: string;
  /** What opened the signer to us: should it come back in an answer, nobody is to read it. */
  secret: string | undefined;
  /** The key by which the signer knows this client. */
  client: ServiceKey;
  crypto: EventCrypto;
  connectTimeoutMs: number;
  answerTimeoutMs: number;
};

const KIND_REQUEST = 24_133;
const SUBSCRIPTION = "signer";
const MAX_MESSAGE_BYTES = 262_144;
/** Messages that answer nothing: a relay or a stranger that sends more of them is not listened to any more. */
const MAX_STRAY = 1_000;

type Waiting = { resolve(result: string): void; reject(error: OracleError): void; timer: NodeJS.Timeout };

/** Connects, and waits until the relay passes answers on. @throws SIGNER_UNAVAILABLE */
export async function openRemoteSession(options: SessionOptions): Promise<RemoteSession> {
  const { relay, signerPubkey, secret, client, crypto, answerTimeoutMs } = options;
  const conversation = getConversationKey(client.secretKey, signerPubkey);
  const waiting = new Map<string, Waiting>();
  const shown = (text: string) => printable(secret ? text.replaceAll(secret, "(secret)") : text);
  let stray = 0;

  const socket = await connect(options, (code, why) => {
    for (const call of waiting.values()) call.reject(failure(code, relay, why));
  });
  const answer = (message: unknown[]) => {
    const [type, subscription, third] = message;
    if (type === "EVENT" && subscription === SUBSCRIPTION && settle(third)) return;
    if (type === "CLOSED" || ++stray > MAX_STRAY) socket.terminate();
  };
  /** Whether this was the answer to a request. Only the signer and we can make its text: nothing else has to be checked. */
  const settle = (value: unknown): boolean => {
    const event = readEvent(value);
    if (event?.kind !== KIND_REQUEST || event.pubkey !== signerPubkey) return false;
    const { id, result, error } = readAnswer(event.content, conversation);
    const call = id === undefined ? undefined : waiting.get(id);
    if (!call) return false;
    if (result === "auth_url")
      call.reject(failure("SIGNER_REFUSED", relay, "the signer wants to be asked in a browser first"));
    else if (error) call.reject(failure("SIGNER_REFUSED", relay, `the signer refused: ${shown(error)}`));
    else call.resolve(result ?? "");
    return true;
  };
  socket.on("message", (data) => answer(parseArray(String(data))));

  return {
    isOpen: () => socket.readyState === WebSocket.OPEN,
    async request(method, params) {
      const id = toHex(randomBytes(8));
      const content = encrypt(JSON.stringify({ id, method, params }), conversation);
      const event: UnsignedEvent = {
        pubkey: client.pubkey,
        created_at: Math.floor(Date.now() / 1000),
        kind: KIND_REQUEST,
        tags: [["p", signerPubkey]],
        content,
      };
      const answered = new Promise<string>((resolve, reject) => {
        const late = failure("SIGNER_UNAVAILABLE", relay, `no answer in ${answerTimeoutMs} ms`);
        waiting.set(id, { resolve, reject, timer: setTimeout(() => reject(late), answerTimeoutMs) });
      });
      try {
        socket.send(JSON.stringify(["EVENT", crypto.sign(event, client.secretKey)]), () => undefined);
        return await answered;
      } finally {
        clearTimeout(waiting.get(id)?.timer);
        waiting.delete(id);
      }
    },
    close: () => socket.terminate(),
  };
}

type Lost = (code: ErrorCode, why: string) => void;

/** A socket on which the subscription stands. */
function connect({ relay, signerPubkey, client, connectTimeoutMs }: SessionOptions, lost: Lost): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const limits = { maxPayload: MAX_MESSAGE_BYTES, handshakeTimeout: connectTimeoutMs, perMessageDeflate: false };
    const socket = new WebSocket(relay, limits);
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(failure("SIGNER_UNAVAILABLE", relay, why));
      lost("SIGNER_UNAVAILABLE", why);
      socket.terminate();
    };
    const timer = setTimeout(() => fail("the relay does not answer"), connectTimeoutMs);
    socket.on("error", (error) => fail(printable(error.message)));
    socket.once("close", () => fail("the relay hung up"));
    socket.once("open", () => {
      const filter = { kinds: [KIND_REQUEST], authors: [signerPubkey], "#p": [client.pubkey], limit: 0 };
      socket.send(JSON.stringify(["REQ", SUBSCRIPTION, filter]), () => undefined);
    });
    const first = (data: unknown) => {
      const [type] = parseArray(String(data));
      if (type === "EOSE") {
        clearTimeout(timer);
        socket.off("message", first);
        resolve(socket);
      } else if (type === "CLOSED") fail("the relay does not pass answers on");
    };
    socket.on("message", first);
  });
}

function readAnswer(content: string, conversation: Uint8Array): { id?: string; result?: string; error?: string } {
  try {
    const answer: Record<string, unknown> = JSON.parse(decrypt(content, conversation));
    const text = (name: string) => (typeof answer[name] === "string" ? { [name]: answer[name] } : {});
    return { ...text("id"), ...text("result"), ...text("error") };
  } catch {
    return {};
  }
}

function parseArray(text: string): unknown[] {
  try {
    const message: unknown = JSON.parse(text);
    return Array.isArray(message) ? message : [];
  } catch {
    return [];
  }
}

function failure(code: ErrorCode, relay: string, why: string): OracleError {
  return new OracleError(code, `remote signer at ${new URL(relay).host}: ${why}`);
}
