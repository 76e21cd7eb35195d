/** Keys that stay elsewhere: a remote signer (NIP-46) for each role is asked for signatures, and believed nothing. */
import { errorCode, OracleError } from "../../core/errors.ts";
import type { Bunker } from "../../core/nip85/bunker.ts";
import { eventId, readEvent, type SignedEvent, type UnsignedEvent } from "../../core/nip85/event.ts";
import { KINDS_OF } from "../../core/nip85/roles.ts";
import { type EventCrypto, loadEventCrypto, NOBLE } from "./event-crypto.ts";
import type { ServiceKey } from "./keys.ts";
import { openRemoteSession, type RemoteSession } from "./remote-session.ts";

export type RemoteSigner = {
  /**
   * The events in order, signed by the keys they name as authors. The first failure ends the batch.
   * @throws SIGNER_UNAVAILABLE, SIGNER_REFUSED, SIGNER_FAULTY when an answer is not what was asked for; INTERNAL for an author that no signer holds
   */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  close(): void;
};

export type RemoteOptions = Partial<Limits>;

/** `window`: requests in flight at one signer; `batchTimeoutMs`: all that one batch may take, since others may wait for it. */
type Limits = {
  connectTimeoutMs: number;
  answerTimeoutMs: number;
  batchTimeoutMs: number;
  restMs: number;
  window: number;
};
/** After `restMs` a signer that did not answer is asked again, and until then nobody waits for it. */
const DEFAULTS: Limits = {
  connectTimeoutMs: 5_000,
  answerTimeoutMs: 10_000,
  batchTimeoutMs: 20_000,
  restMs: 60_000,
  window: 8,
};

/** Signers for these keys, known to them by one client key. No connection is made yet; a lost one is made again by the next call. */
export function remoteSigner(
  bunkers: readonly Bunker[],
  client: ServiceKey,
  options: RemoteOptions = {},
): RemoteSigner {
  const limits = { ...DEFAULTS, ...options };
  const signers = new Map(bunkers.map((bunker) => [bunker.pubkey, remoteKey(bunker, client, limits)]));
  return {
    async sign(events) {
      const stranger = events.find(({ pubkey }) => !signers.has(pubkey));
      if (stranger) throw new OracleError("INTERNAL", `no remote signer for ${stranger.pubkey}`);
      const signed: SignedEvent[] = [];
      for (const [pubkey, signer] of signers) {
        const own = [...events.entries()].filter(([, event]) => event.pubkey === pubkey);
        const answers = await signer.sign(own.map(([, event]) => event));
        for (const [place, [index]] of own.entries()) signed[index] = answers[place]!;
      }
      return signed;
    },
    close() {
      for (const signer of signers.values()) signer.close();
    },
  };
}

function remoteKey(bunker: Bunker, client: ServiceKey, limits: Limits) {
  let session: RemoteSession | undefined;
  let silent: { until: number; error: unknown } | undefined;

  const connected = async (crypto: EventCrypto): Promise<RemoteSession> => {
    if (!session?.isOpen()) session = await openFirst(bunker, client, crypto, limits);
    return session;
  };
  return {
    async sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]> {
      if (events.length === 0) return [];
      if (silent && performance.now() < silent.until) throw silent.error;
      try {
        const crypto = await loadEventCrypto().catch(() => NOBLE);
        const open = await connected(crypto);
        return await signAll(open, events, { bunker, crypto, limits });
      } catch (error) {
        if (errorCode(error) === "SIGNER_REFUSED") throw error;
        silent = { until: performance.now() + limits.restMs, error };
        // One that fell silent may have lost us: it is introduced to anew.
        session?.close();
        throw error;
      }
    },
    close: () => session?.close(),
  };
}

type Signing = { bunker: Bunker; crypto: EventCrypto; limits: Limits };

/** All of a batch, or the first failure. */
async function signAll(
  session: RemoteSession,
  events: readonly UnsignedEvent[],
  signing: Signing,
): Promise<SignedEvent[]> {
  const { window, batchTimeoutMs } = signing.limits;
  const end = performance.now() + batchTimeoutMs;
  const signed: SignedEvent[] = [];
  let next = 0;
  let failure: unknown;
  const signOn = async (): Promise<void> => {
    while (next < events.length && failure === undefined) {
      const index = next++;
      if (performance.now() > end) {
        const why = `remote signer of ${signing.bunker.role}: ${index} of ${events.length} signatures in ${batchTimeoutMs} ms`;
        failure ??= new OracleError("SIGNER_UNAVAILABLE", why);
        return;
      }
      await signOne(session, events[index]!, signing).then(
        (event) => {
          signed[index] = event;
        },
        (error: unknown) => {
          failure ??= error;
        },
      );
    }
  };
  await Promise.all(Array.from({ length: window }, signOn));
  if (failure !== undefined) throw failure;
  return signed;
}

/** A session over the first relay that has one, in which the signer knows us. */
async function openFirst(
  bunker: Bunker,
  client: ServiceKey,
  crypto: EventCrypto,
  limits: Limits,
): Promise<RemoteSession> {
  let last: unknown;
  for (const relay of bunker.relays) {
    try {
      const { signerPubkey, secret } = bunker;
      const session = await openRemoteSession({ relay, signerPubkey, secret, client, crypto, ...limits });
      await introduce(session, bunker).catch((error: unknown) => {
        session.close();
        throw error;
      });
      return session;
    } catch (error) {
      last = error;
      if (errorCode(error) !== "SIGNER_UNAVAILABLE") break;
    }
  }
  throw last;
}

/** A secret may be good for one introduction only: a signer that refuses it the second time knows us, if it then tells us its key. */
async function introduce(session: RemoteSession, { role, pubkey, signerPubkey, secret }: Bunker): Promise<void> {
  const permissions = KINDS_OF[role].map((kind) => `sign_event:${kind}`).join(",");
  await session.request("connect", [signerPubkey, secret ?? "", permissions]).catch((error: unknown) => {
    if (errorCode(error) !== "SIGNER_REFUSED") throw error;
  });
  const told = await session.request("get_public_key", []);
  if (told !== pubkey)
    throw new OracleError("SIGNER_FAULTY", `the remote signer of ${role} signs with another key than was configured`);
}

/** One signature, and every check of it: the same event, its id, its author, and that the signature is right. */
async function signOne(
  session: RemoteSession,
  event: UnsignedEvent,
  { bunker, crypto }: Signing,
): Promise<SignedEvent> {
  const { kind, content, tags, created_at, pubkey } = event;
  const text = await session.request("sign_event", [JSON.stringify({ kind, content, tags, created_at, pubkey })]);
  const signed = readSigned(text);
  const id = eventId(event);
  // An id that is the hash of what was asked for leaves nothing else to compare but the author's signature.
  const genuine = signed !== undefined && signed.id === id && signed.pubkey === pubkey && eventId(signed) === id;
  if (!genuine || !crypto.verify(signed))
    throw new OracleError(
      "SIGNER_FAULTY",
      `the remote signer of ${bunker.role} signed something else than it was asked for`,
    );
  return signed;
}

function readSigned(text: string): SignedEvent | undefined {
  try {
    return readEvent(JSON.parse(text));
  } catch {
    return undefined;
  }
}
