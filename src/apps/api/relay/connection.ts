/** One client of the relay: its messages in, the answers out. */
import { errorCode } from "../../../core/errors.ts";
import type { Filter } from "../../../core/relay/filter.ts";
import { readMessage } from "../../../core/relay/message.ts";
import { createTokenBucket } from "../../../core/relay/token-bucket.ts";
import { MAX_SUBSCRIPTIONS, MAX_VALUES, MAX_VALUES_PER_CONNECTION, MESSAGES, PAGE_EVENTS, REQUESTS } from "./bounds.ts";
import { Busy, createGate, type Gate } from "./gate.ts";
import { type createLookUps, pointsOfAll } from "./look-ups.ts";
import type { Outlet } from "./outlet.ts";
import type { RelayPorts } from "./ports.ts";
import { replay } from "./replay.ts";
import { createSubscription, type Subscription, type WaitingRoom } from "./subscription.ts";

/** What all connections share. */
export type Shared = {
  ports: RelayPorts;
  lookUps: ReturnType<typeof createLookUps>;
  scans: Gate;
  /** Who is told of news. `weight`: the filter values of all. */
  audience: {
    add(subscription: Subscription): void;
    remove(subscription: Subscription): void;
    readonly weight: number;
  };
  isFollowing(): boolean;
};

const AWAY = "error: the database does not answer; ask again";

export type Connection = ReturnType<typeof createConnection>;

export function createConnection(
  shared: Shared,
  { outlet, waitingRoom, drop }: { outlet: Outlet; waitingRoom: WaitingRoom; drop(why: string): void },
) {
  const { ports, lookUps, scans, audience } = shared;
  const subscriptions = new Map<string, Subscription>();
  const messages = createTokenBucket(MESSAGES);
  const requests = createTokenBucket(REQUESTS);
  // The answers of one client share its line: one is searched at a time.
  const turn = createGate({ atOnce: 1, mostWaiting: MAX_SUBSCRIPTIONS });
  const say = (...message: readonly unknown[]) => outlet.send([JSON.stringify(message)]);

  function end(id: string): void {
    const subscription = subscriptions.get(id);
    if (!subscription) return;
    subscriptions.delete(id);
    audience.remove(subscription);
    subscription.close();
  }
  function refuse(verb: string, id: string, outcome: string, why: string): void {
    end(id);
    ports.events.relayRequest(verb, outcome);
    say("CLOSED", id, why);
  }
  /** Why a request is not taken on, if it is not. */
  function objection(subscription: Subscription | undefined): string | undefined {
    if (!shared.isFollowing()) return AWAY;
    if (!subscription) return undefined;
    if (subscriptions.size >= MAX_SUBSCRIPTIONS) return `error: at most ${MAX_SUBSCRIPTIONS} subscriptions; close one`;
    const kept = [...subscriptions.values()].reduce((sum, { weight }) => sum + weight, 0);
    if (kept + subscription.weight > MAX_VALUES_PER_CONNECTION)
      return `error: at most ${MAX_VALUES_PER_CONNECTION} filter values in all subscriptions; close one`;
    return audience.weight + subscription.weight > MAX_VALUES
      ? "error: too many subscriptions are open here; ask again later"
      : undefined;
  }

  async function answer(subscription: Subscription): Promise<void> {
    const onSent = (count: number) => ports.events.relayEventsSent("stored", count);
    const points = pointsOfAll(subscription.filters);
    const stored = points && (await lookUps.ask(subscription.filters, points));
    if (stored && stored.events.length <= PAGE_EVENTS) {
      await outlet.room();
      subscription.lookedAt(stored.moment);
      const frames = stored.events.map(({ body }) => subscription.frame(body));
      subscription.goLive(stored.hint, frames);
      onSent(frames.length);
    } else {
      const hint = await turn.pass(() => replay(subscription, { ...ports, gate: scans, onSent }));
      if (hint !== undefined) subscription.goLive(hint);
    }
    if (!subscription.isClosed) ports.events.relayRequest("REQ", "answered");
  }
  async function count(id: string, filters: readonly Filter[]): Promise<void> {
    const found = await turn.pass(() => scans.pass(() => ports.count(filters, ports.now())));
    say("COUNT", id, { count: found });
    ports.events.relayRequest("COUNT", "answered");
  }
  function failed(verb: string, id: string, error: unknown): void {
    if (error instanceof Busy) refuse(verb, id, "busy", error.message);
    else if (errorCode(error) === "DATABASE_UNAVAILABLE") refuse(verb, id, "failed", AWAY);
    else {
      ports.events.failed(`relay ${verb}`, error);
      refuse(verb, id, "failed", "error: something failed here");
    }
  }

  function request(verb: "REQ" | "COUNT", id: string, filters: readonly Filter[], atMs: number): void {
    const isAllowed = requests.take(atMs);
    if (verb === "REQ") end(id);
    const onSent = (count: number) => ports.events.relayEventsSent("live", count);
    const subscription = verb === "REQ" ? createSubscription({ id, filters, outlet, waitingRoom, onSent }) : undefined;
    const why = isAllowed ? objection(subscription) : "rate-limited: slow down";
    if (why !== undefined) refuse(verb, id, isAllowed ? "refused" : "limited", why);
    else if (!subscription) count(id, filters).catch((error: unknown) => failed(verb, id, error));
    else {
      subscriptions.set(id, subscription);
      audience.add(subscription);
      answer(subscription).catch((error: unknown) => {
        if (!subscription.isClosed) failed(verb, id, error);
      });
    }
  }

  return {
    /** @param atMs any clock that only goes forward */
    receive(text: string, atMs: number): void {
      if (!messages.take(atMs)) {
        drop("too many messages");
        return;
      }
      const message = readMessage(text);
      if ("filters" in message) request(message.verb, message.id, message.filters, atMs);
      else if (message.verb === "CLOSE") end(message.id);
      else {
        const [kind, id] = message.answer;
        if (kind === "CLOSED") end(String(id));
        ports.events.relayRequest(message.verb, "refused");
        say(...message.answer);
      }
    },
    /** Ends one subscription of it, and says why. */
    closeSubscription(id: string, why: string): void {
      end(id);
      say("CLOSED", id, why);
    },
    close(): void {
      for (const id of [...subscriptions.keys()]) end(id);
    },
    get subscriptionCount(): number {
      return subscriptions.size;
    },
    notice: (text: string) => say("NOTICE", text),
  };
}
