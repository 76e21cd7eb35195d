/** The ports of the door for signed requests, joined to what serves them. */
import { loadEventCrypto } from "../../adapters/nostr/event-crypto.ts";
import type { Database } from "../../adapters/postgres/connect.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { signedRequestTable } from "../../adapters/postgres/signed-request.ts";
import type { SignedDoorPorts } from "./signed-door.ts";

/** Signed requests of an address range in a minute. */
const SIGNED_PER_MINUTE = 60;

export async function openSignedDoor(
  database: Database,
  ports: Pick<SignedDoorPorts, "origin" | "events" | "now">,
): Promise<SignedDoorPorts> {
  const { verify } = await loadEventCrypto();
  const takeSigned = prefixLimit(database, "signed", SIGNED_PER_MINUTE).take;
  return { ...signedRequestTable(database), ...ports, verify, takeSigned };
}
