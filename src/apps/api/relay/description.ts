/** `GET /relay`: what this relay is, for clients that ask over HTTP. Source: NIP-11. */
import { Router } from "express";
import { OracleError } from "../../../core/errors.ts";
import { MAX_EVENT_BYTES } from "../../../core/nip85/event.ts";
import { MAX_SUBSCRIPTION_ID_LENGTH } from "../../../core/relay/message.ts";
import { LIMITS, MAX_MESSAGE_BYTES, MAX_SUBSCRIPTIONS } from "./bounds.ts";

export const RELAY_PATH = "/relay";
const CACHED = "public, max-age=300";
const TYPE = "application/nostr+json";
/** How long what the outbox said of the brand's key is repeated. */
const REMEMBERED_MS = 60_000;
const MAX_EVENT_TAGS = 2_000;

export type Facts = {
  /** Where clients reach the api. */
  origin(): string;
  version: string;
  contact: string | undefined;
  /** The key that people follow; undefined before it has said anything. */
  findBrand(): Promise<string | undefined>;
};

export function descriptionRouter(facts: Facts): Router {
  const findBrand = remembered(facts.findBrand);
  const router = Router();
  router.get(RELAY_PATH, async (request, response) => {
    response
      .vary("Accept")
      .set("Access-Control-Allow-Headers", "*")
      .set("Access-Control-Allow-Methods", "GET, OPTIONS");
    if (!(request.get("accept") ?? "").toLowerCase().includes(TYPE)) {
      response.set("Upgrade", "websocket");
      throw new OracleError("UPGRADE_REQUIRED", `this is a Nostr relay: connect with WebSocket, or ask for ${TYPE}`);
    }
    // What it is can be said while the database is away.
    const pubkey = await findBrand().catch(() => undefined);
    response
      .set("Cache-Control", CACHED)
      .type(TYPE)
      .send(JSON.stringify(describe(facts, pubkey)));
  });
  return router;
}

function describe({ origin, version, contact }: Facts, pubkey: string | undefined) {
  return {
    name: `${new URL(origin()).host} NIP-85`,
    description: "Read-only relay of signed trusted assertions about Lightning nodes and paid APIs.",
    ...(pubkey && { pubkey }),
    ...(contact && { contact }),
    software: origin(),
    version,
    supported_nips: [1, 9, 11, 40, 45, 67],
    limitation: {
      max_message_length: MAX_MESSAGE_BYTES,
      max_subscriptions: MAX_SUBSCRIPTIONS,
      max_limit: LIMITS.max,
      default_limit: LIMITS.default,
      max_subid_length: MAX_SUBSCRIPTION_ID_LENGTH,
      max_event_tags: MAX_EVENT_TAGS,
      max_content_length: MAX_EVENT_BYTES,
      auth_required: false,
      payment_required: false,
      restricted_writes: true,
    },
  };
}

function remembered<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let [known, readAt] = [undefined as Promise<Value> | undefined, 0];
  return () => {
    if (known && performance.now() - readAt < REMEMBERED_MS) return known;
    [known, readAt] = [read(), performance.now()];
    known.catch(() => {
      known = undefined;
    });
    return known;
  };
}
