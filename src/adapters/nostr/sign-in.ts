/** Showing a relay who we are, with the key whose event it refused. Several keys may sign in on one connection. Source: NIP-42. */
import type { SignedEvent, UnsignedEvent } from "../../core/nip85/event.ts";
import type { RelayAnswer } from "../../core/nip85/relay-answer.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { Session } from "./relay-session.ts";

/** `sign` signs events in the name of their authors, in order. */
export type Identity = {
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  now(): UnixSeconds;
};
type Showing = { url: string; pubkey: string; identity: Identity; timeoutMs: number };

const KIND_AUTH = 22_242;
const CHALLENGE_MS = 2_000;

/** Whether the relay now takes this key for signed in. False also when it sends no challenge, or the key cannot sign. Asked once per challenge. */
export async function signIn(session: Session, showing: Showing): Promise<boolean> {
  const challenge = session.challenge ?? (await nextChallenge(session));
  if (challenge === undefined || !session.isOpen()) return false;
  const key = `${showing.pubkey} ${challenge}`;
  const known = session.signedIn.get(key);
  if (known) return known;
  const signing = show(session, challenge, showing);
  session.signedIn.set(key, signing);
  return signing;
}

/** Relays send it with the connection or with the first refusal, which may come just before it. */
function nextChallenge(session: Session): Promise<string | undefined> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      session.onChallenge = undefined;
      resolve(session.challenge);
    };
    const timer = setTimeout(settle, CHALLENGE_MS);
    session.onChallenge = settle;
  });
}

async function show(
  session: Session,
  challenge: string,
  { url, pubkey, identity, timeoutMs }: Showing,
): Promise<boolean> {
  const tags = [
    ["relay", url],
    ["challenge", challenge],
  ];
  const draft = { pubkey, created_at: identity.now(), kind: KIND_AUTH, tags, content: "" };
  const signed = await identity.sign([draft]).catch(() => []);
  const [event] = signed;
  if (!event || !session.isOpen()) return false;
  const answer = await new Promise<RelayAnswer>((resolve) => {
    const settle = (given: RelayAnswer) => {
      clearTimeout(timer);
      session.answers.delete(event.id);
      resolve(given);
    };
    const timer = setTimeout(() => settle({ outcome: "unknown", text: "" }), timeoutMs);
    session.answers.set(event.id, settle);
    session.send(JSON.stringify(["AUTH", event]));
  });
  return answer.outcome === "acked";
}
