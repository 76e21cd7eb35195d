/** The crawler's signatures beside its event loop: a thread that holds the secret keys, and is given batches of events. */
import type { ServiceKey } from "../adapters/nostr/keys.ts";
import { createSigner, type Signer } from "../adapters/nostr/signer.ts";
import { errorCode, OracleError } from "../core/errors.ts";
import type { SignedEvent, UnsignedEvent } from "../core/nip85/event.ts";
import { type StandingEvent, standingRoot } from "../core/nip85/standing-set.ts";
import { openThread, serveThread } from "./thread.ts";

/** The signing thread as the crawler sees it. */
export type SigningThread = {
  /**
   * The events in order, signed by the keys they name as authors. A thread that dies is started again and given its batch again.
   * @throws INTERNAL for an author whose key it has not, or when the thread dies over and over; SIGNER_FAULTY when two
   * implementations disagreed, from then on for whatever it is given; SHUTTING_DOWN
   */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  /** {@link standingRoot}: some tens of thousands of hashes. */
  standingRoot(events: readonly StandingEvent[]): Promise<string>;
  close(): Promise<void>;
};

type Signature = Pick<SignedEvent, "id" | "sig">;

const NAME = "signing";
/** Some tenths of a second of work; what a thread that dies takes with it. */
const BATCH = 250;
const TRIES = 3;

/** Opens a thread; it starts with the first call. `onFallback` hears, once, that the fast implementation cannot be used. */
export function openSigningThread(
  keys: readonly ServiceKey[],
  onFallback: () => void,
  url: string = import.meta.url,
): SigningThread {
  const thread = openThread<typeof service>(NAME, url, {
    first: () => ({ method: "load", input: keys }),
    beside: ["signBeside"],
  });
  const authors = new Set(keys.map(({ pubkey }) => pubkey));
  let faulty: OracleError | undefined;
  let told = false;
  let batches = 0;

  const signBatch = async (batch: readonly UnsignedEvent[]): Promise<SignedEvent[]> => {
    // Two are over there at a time: while one is signed the next lies ready, however busy this event loop is.
    const method = batches++ % 2 === 0 ? "sign" : "signBeside";
    const { library, signed } = await again(() => thread.call(method, batch));
    if (library === "noble" && !told) onFallback();
    told ||= library === "noble";
    // Back come ids and signatures alone: the rest is here.
    return batch.map((event, index) => ({ ...event, ...signed[index]! }));
  };
  return {
    async sign(events) {
      const stranger = events.find(({ pubkey }) => !authors.has(pubkey));
      if (stranger) throw new OracleError("INTERNAL", `no key to sign for ${stranger.pubkey}`);
      const signed: SignedEvent[] = [];
      for (let from = 0; from < events.length; from += BATCH) {
        if (faulty) throw faulty;
        try {
          signed.push(...(await signBatch(events.slice(from, from + BATCH))));
        } catch (error) {
          if (errorCode(error) === "SIGNER_FAULTY") faulty = error as OracleError;
          throw error;
        }
      }
      return signed;
    },
    standingRoot: (events) => again(() => thread.call("standingRoot", events)),
    close: thread.close,
  };
}

/** A call that died with its thread, or overran its time, is made again: a signature that nobody received harms nobody. */
async function again<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      const died = errorCode(error) === "INTERNAL" || errorCode(error) === "TIMED_OUT";
      if (!died || tries === TRIES) throw error;
    }
  }
}

let signer: Signer | undefined;

async function signHere(
  events: readonly UnsignedEvent[],
): Promise<{ library: Signer["library"]; signed: Signature[] }> {
  if (!signer) throw new OracleError("INTERNAL", "the signing thread was given no keys");
  const signed = await signer.sign(events);
  return { library: signer.library, signed: signed.map(({ id, sig }) => ({ id, sig })) };
}

const service = {
  async load(keys: readonly ServiceKey[]): Promise<void> {
    signer = await createSigner(keys);
  },
  sign: signHere,
  signBeside: signHere,
  standingRoot: (events: readonly StandingEvent[]): string => standingRoot(events),
};

serveThread(NAME, service);
