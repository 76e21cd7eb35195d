/** POST and DELETE /api/nodes/{key}/claim: a Nostr key says that it runs a node, and shows the node's word for it. Free; signed (NIP-98). */
import { z } from "zod";
import { type ClaimPorts, claimNode, withdrawNodeClaim } from "../../../oracle/inbox/claim-node.ts";
import type { Contract } from "../operation.ts";
import { hash, nodeKey, nodeKeyInput, unixTime } from "../schemas.ts";
import type { SignedOperation } from "../signed-door.ts";

const PATH = "/api/nodes/{key}/claim";
const params = z.object({ key: nodeKeyInput.toLowerCase().meta({ override: { type: "string" } }) });
const body = z.strictObject({
  signature: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: "z-base-32, as lncli signmessage gives it: the node's, of a text that a refusal quotes" }),
});
const claimed = z.object({
  key: nodeKey,
  pubkey: hash,
  expiresAt: unixTime.meta({ description: "Claim again before; ends sooner when the node names another key" }),
});
const withdrawn = z.object({ key: nodeKey, withdrawn: z.literal(true) });

export const claimNodeContract = {
  operation: "claimNode",
  method: "post",
  path: PATH,
  summary: "Says that your Nostr key runs a node; the node must have signed it",
  signed: true,
  params,
  body,
  response: claimed,
} as const satisfies Contract;
export const withdrawNodeClaimContract = {
  operation: "withdrawNodeClaim",
  method: "delete",
  path: PATH,
  summary: "Takes your claim on a node back",
  signed: true,
  params,
  response: withdrawn,
} as const satisfies Contract;

type Params = z.infer<typeof params>;

export function claimOperations(ports: ClaimPorts): SignedOperation<never, unknown>[] {
  const claim: SignedOperation<Params & z.infer<typeof body>, z.infer<typeof claimed>> = {
    ...claimNodeContract,
    async serve({ input: { key, signature }, pubkey }) {
      const { expiresAt } = await claimNode(ports, { nodeKey: key, pubkey, signature });
      return { key, pubkey, expiresAt };
    },
  };
  const withdraw: SignedOperation<Params, z.infer<typeof withdrawn>> = {
    ...withdrawNodeClaimContract,
    async serve({ input: { key }, pubkey }) {
      await withdrawNodeClaim(ports, { nodeKey: key, pubkey });
      return { key, withdrawn: true };
    },
  };
  return [claim, withdraw];
}
