/** One batch of delivery over a given connection and a given clock, joined as the crawler joins it. */
import type pg from "pg";
import type { RelayConnection } from "../adapters/nostr/relay-connection.ts";
import { deliveryTable } from "../adapters/postgres/delivery.ts";
import { outboxTable } from "../adapters/postgres/outbox.ts";
import { relayStateTable } from "../adapters/postgres/relay-state.ts";
import type { SignedEvent, UnsignedEvent } from "../core/nip85/event.ts";
import type { RelayInfo } from "../core/nip85/relay-info.ts";
import { unixSeconds } from "../core/units.ts";
import { type DeliverPorts, deliverEvents } from "../oracle/publish/deliver-events.ts";
import type { RelayTask } from "../oracle/publish/delivery.ts";
import { type SignAgainPorts, signAgain } from "../oracle/publish/sign-again.ts";

export type Delivering = {
  relay: string;
  at: number;
  limit?: number;
  task?: RelayTask;
  info?: RelayInfo | undefined;
  signal?: AbortSignal;
  random?: () => number;
  sign?: (events: readonly UnsignedEvent[]) => Promise<SignedEvent[]>;
  mine?: SignAgainPorts["mine"];
  /** Puts something between the verb and its ports. */
  wrap?: (ports: DeliverPorts) => DeliverPorts;
};

const forever = new AbortController().signal;
const nobody = async () => {
  throw new Error("nothing was to be signed here");
};

export async function deliver(
  pool: pg.Pool,
  connection: Pick<RelayConnection, "publish" | "readBack">,
  how: Delivering,
) {
  const { relay, at, limit = 500, task = { role: "full", top: 0 }, signal = forever, random = () => 0.5 } = how;
  const { sign = nobody, mine = async () => undefined, info, wrap = (ports) => ports } = how;
  const [deliveries, now] = [deliveryTable(pool), unixSeconds(at)];
  const again = { ...deliveries, stage: outboxTable(pool).stage, sign, mine };
  const state = relayStateTable(pool);
  await state.plan([{ relay, role: task.role }], now);
  const { publish, readBack } = connection;
  const ports: DeliverPorts = {
    ...deliveries,
    ...state,
    publish,
    readBack,
    async describe() {
      return { info, proved: (await state.standing(now)).some((row) => row.lastConfirmedAt !== null) };
    },
    signAgain: (name, event, { bits }, stop) => signAgain(again, name, event, { bits, now, signal: stop }),
  };
  return deliverEvents(wrap(ports), { relay, task, now, limit, signal, random });
}
