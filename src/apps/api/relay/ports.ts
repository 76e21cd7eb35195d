/** What the relay needs of the outbox and of the process it runs in. */
import type { ChangedEvent, relayTable } from "../../../adapters/postgres/relay.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import type { Events } from "../../events.ts";

export type RelayPorts = Omit<ReturnType<typeof relayTable>, "findBrand"> & {
  now(): UnixSeconds;
  events: Pick<Events, "failed" | "relayRequest" | "relayEventsSent" | "relayStands" | "relaySlowReader">;
};

/** An event that became news. */
export type NewEvent = ChangedEvent;
