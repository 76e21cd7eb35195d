/** GET /api/nostr/providers: whom to follow for what, as entries for a person's own list (kind 10040, NIP-85). Free. */
import { z } from "zod";
import { OracleError } from "../../../core/errors.ts";
import { providerTags } from "../../../core/nip85/announcement.ts";
import { ownRelay } from "../../../core/nip85/identity.ts";
import { keysInUse, type OracleKey } from "../../../core/nip85/key-ring.ts";
import { KIND } from "../../../core/nip85/kinds.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { hash } from "../schemas.ts";
import { sendUnlessUnchanged } from "../unchanged.ts";

const tag = z.tuple([z.string(), hash, z.string()]).meta({ description: "Slot (kind:tag), key, relay" });
const providers = z.object({
  brand: hash.meta({ description: "The key that announces the others" }),
  tags: z.array(tag).meta({ description: "To be added to what a list has already, and never in its place" }),
  optional: z
    .array(tag)
    .meta({ description: "For Lightning clients alone: it takes the slot by which others rank people" }),
});

export const getProvidersContract = {
  operation: "getProviders",
  method: "get",
  path: "/api/nostr/providers",
  summary: "Whom to follow for what: entries for a person's own list of providers (NIP-85)",
  response: providers,
} as const satisfies Contract;

export type ProvidersPorts = LimitPorts & {
  list(): Promise<OracleKey[]>;
  takeReading: TakeOne;
  /** Where the site is reached. */
  origin(): string;
};

const KEPT_SEC = 300;

export function getProviders(ports: ProvidersPorts): FreeOperation<undefined, z.infer<typeof providers>> {
  return {
    ...getProvidersContract,
    async serve(_input, request, response) {
      await holdToLimit(ports, "audit", ports.takeReading, request, response);
      const keys = await ports.list();
      if (keys.length === 0) throw new OracleError("SUBJECT_UNKNOWN", "nothing is published yet");
      const { brand, ...service } = keysInUse(keys);
      const relay = ownRelay(ports.origin());
      const answer = {
        brand,
        tags: providerTags(service, relay),
        optional: [[`${KIND.aboutKey}:rank`, service.operator, relay] as [string, string, string]],
      };
      sendUnlessUnchanged(request, response, answer, KEPT_SEC);
      return answer;
    },
  };
}
