/** POST /api/token/rotate: a new token for the same balance; the old one opens nothing from then on. Free; needs the token. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { toBase64 } from "../../../core/bytes.ts";
import { OracleError } from "../../../core/errors.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import { type RotatePorts, rotateToken as rotate } from "../../../oracle/account/rotate-token.ts";
import { type AccountDoorPorts, type AccountOperation, refuseHolder } from "../account-door.ts";
import { holdToLimit, type TakeOne } from "../hold-to-limit.ts";
import type { Contract } from "../operation.ts";
import { readRetryKey } from "../retry-key.ts";

/** Shorter keys could be guessed by whoever holds the old token. */
const MIN_KEY_CHARACTERS = 16;

const answer = z.object({
  macaroon: z.string().meta({ description: "Base64; its credential has the preimage of the old one" }),
});

export const rotateTokenContract = {
  operation: "rotateToken",
  method: "post",
  path: "/api/token/rotate",
  summary: `Replaces a token by a new one; needs an Idempotency-Key of at least ${MIN_KEY_CHARACTERS} random characters`,
  access: "token",
  response: answer,
} as const satisfies Contract;

export type RotateTokenPorts = RotatePorts &
  AccountDoorPorts & {
    /** Counts one rotation against an address range: each leaves rows for ever, and costs nothing. */
    takeRotation: TakeOne;
    now(): UnixSeconds;
  };

export function rotateToken(ports: RotateTokenPorts): AccountOperation<undefined, z.infer<typeof answer>> {
  return {
    ...rotateTokenContract,
    async serve(_input, token, request, response) {
      const key = readRetryKey(request, [])?.key ?? "";
      if (key.length < MIN_KEY_CHARACTERS) {
        const why = "without it, an answer that gets lost on the way would be lost with the balance";
        throw new OracleError(
          "VALIDATION_FAILED",
          `Idempotency-Key: at least ${MIN_KEY_CHARACTERS} random characters are needed; ${why}`,
        );
      }
      await holdToLimit(ports, "rotation", ports.takeRotation, request, response);
      const keyDigest = new Uint8Array(createHash("sha256").update(key).digest());
      const result = await rotate(ports, { token, keyDigest, now: ports.now() });
      if (result.rotated) return { macaroon: toBase64(result.macaroon) };
      refuseHolder(ports, response, { operation: rotateTokenContract.operation, reason: result.reason });
      return undefined;
    },
  };
}
