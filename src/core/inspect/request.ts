/** The request of a call, as a customer would make it. */
import { utf8 } from "../bytes.ts";
import type { Method } from "../endpoint/endpoint.ts";
import type { InputExample } from "../endpoint/listing.ts";
import type { Identity } from "./identity.ts";

export type CallRequest = {
  readonly url: string;
  readonly method: Method;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
};

export type Callee = { readonly url: string; readonly method: Method; readonly input?: InputExample };

/** `credential` is the value of the `Authorization` header of a call that was paid for. */
export function writeRequest({ url, method, input }: Callee, identity: Identity, credential?: string): CallRequest {
  const hasBody = method !== "GET" && input !== undefined;
  return {
    url,
    method,
    headers: [
      ...identity,
      ...(hasBody ? [["content-type", input.contentType] as const] : []),
      ...(credential === undefined ? [] : [["authorization", credential] as const]),
    ],
    ...(hasBody && { body: utf8(input.body) }),
  };
}

/** Whether a paid call can be well-formed: without an example we would pay for being told that our request is wrong. */
export function canBePaid({ method, input }: Callee): boolean {
  return method === "GET" || input !== undefined;
}
