/** The door of operations that are free to whoever signs the request with a Nostr key (NIP-98). */
import express, { type Request, type Response, type Router } from "express";
import { OracleError } from "../../core/errors.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { isReusable, MAX_AGE_SEC, readSignedRequest } from "../../core/nip98/signed-request.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Caller, watchCaller } from "./caller.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "./hold-to-limit.ts";
import { type Contract, check, mount } from "./operation.ts";

export type SignedDoorPorts = LimitPorts & {
  /** The origin under which clients reach this api: what they sign, and never what a request says of itself. */
  origin(): string;
  /** Whether the id is the event's and the signature its author's. */
  verify(event: SignedEvent): boolean;
  /** Uses a signature up, for all processes. False when it was used before. */
  useOnce(eventId: string, expiresAt: UnixSeconds, now: UnixSeconds): Promise<boolean>;
  /** Counts one signed request against an address range. */
  takeSigned: TakeOne;
  now(): UnixSeconds;
};

/** `pubkey` is the key that signed the request, 64 lower-case hex digits. */
export type SignedCall<Input> = { input: Input; pubkey: string; caller: Caller; response: Response };
export type SignedOperation<Input, Answer> = Contract & {
  signed: true;
  serve(call: SignedCall<Input>): Promise<Answer>;
};

/** Longer than a signature can be shown by the youngest and the oldest clock. */
const REMEMBERED_SEC = 4 * MAX_AGE_SEC;
const readRaw = express.raw({ limit: "16kb", type: () => true });

/** Mounts operations of one path. A signature is good for exactly one request, and once, unless that changes nothing (GET, HEAD). */
export function mountSigned(
  router: Router,
  ports: SignedDoorPorts,
  operations: readonly SignedOperation<never, unknown>[],
) {
  for (const operation of operations) {
    const beside = operations.filter((other) => other !== operation);
    const handler = async (request: Request, response: Response) => {
      response.set("Cache-Control", "no-store");
      const caller = watchCaller(response);
      const body = await readBody(request, response);
      const pubkey = await readSigner(ports, body, request, response);
      const named = operation.params ? (check(operation.params, request.params) as object) : {};
      const given = operation.body ? (check(operation.body, parse(body)) as object) : {};
      const input = { ...named, ...given } as never;
      const data = await operation.serve({ input, pubkey, caller, response });
      if (!response.headersSent) response.json({ data });
    };
    mount(router, operation, handler, beside);
  }
}

/** The key that signed the request, whose body was these bytes. @throws SIGNATURE_REQUIRED, RATE_LIMITED */
export async function readSigner(
  ports: SignedDoorPorts,
  body: Uint8Array | undefined,
  request: Request,
  response: Response,
): Promise<string> {
  const refuse = () => {
    response.set("WWW-Authenticate", "Nostr");
    return new OracleError(
      "SIGNATURE_REQUIRED",
      "send Authorization: Nostr <base64>, a new NIP-98 event that signs this URL, method and body",
    );
  };
  const now = ports.now();
  const url = `${ports.origin()}${request.originalUrl}`;
  const event = readSignedRequest(request.get("authorization") ?? "", { url, method: request.method, body, now });
  if (typeof event === "string") throw refuse();
  await holdToLimit(ports, "signed", ports.takeSigned, request, response);
  if (!ports.verify(event)) throw refuse();
  if (isReusable(request.method)) return event.pubkey;
  const isFirst = await ports.useOnce(event.id, unixSeconds(event.created_at + REMEMBERED_SEC), now);
  if (!isFirst) throw refuse();
  return event.pubkey;
}

/** The raw bytes, which is what is signed; undefined when there are none. */
async function readBody(request: Request, response: Response): Promise<Uint8Array | undefined> {
  await new Promise<void>((resolve, reject) =>
    readRaw(request, response, (error?: unknown) => (error ? reject(error) : resolve())),
  );
  const body: unknown = request.body;
  return body instanceof Uint8Array && body.length > 0 ? body : undefined;
}

/** @throws JSON_MALFORMED */
function parse(body: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body ?? new Uint8Array()));
  } catch (cause) {
    throw new OracleError("JSON_MALFORMED", "send a JSON body", { cause });
  }
}
