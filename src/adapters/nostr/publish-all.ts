/** Sending events over one session: a few in flight at once, each waited for by itself, until sending on makes no sense. */
import { decodeEvent } from "../../core/nip85/event.ts";
import { asksToSignIn, type RelayAnswer } from "../../core/nip85/relay-answer.ts";
import type { RelayInfo } from "../../core/nip85/relay-info.ts";
import { answerAll, type Session, withNotice } from "./relay-session.ts";
import { type Identity, signIn } from "./sign-in.ts";

/** A signed event as it is stored, and what identifies it. */
export type OutgoingEvent = { id: string; sig: string; json: string };

export type Sending = {
  url: string;
  answerTimeoutMs: number;
  window: number;
  identity?: Identity;
  signal: AbortSignal;
  info: RelayInfo | undefined;
};

/** One answer per event, in order. After silence, a pause the relay asked for or the abort, the rest is not sent. */
export async function publishAll(session: Session, events: readonly OutgoingEvent[], sending: Sending) {
  const { signal, window } = sending;
  const answers: RelayAnswer[] = [];
  let next = 0;
  let stop: RelayAnswer | undefined;

  const sendOn = async (): Promise<void> => {
    while (next < events.length) {
      const index = next++;
      if (signal.aborted) stop ??= { outcome: "retry", text: "not sent: stopping" };
      if (!session.isOpen()) stop ??= { outcome: "retry", text: withNotice("not sent: connection lost", session) };
      const answer = stop ?? (await publishOne(session, events[index]!, sending));
      stop ??= stopAfter(answer);
      answers[index] = answer;
    }
  };
  const onAbort = () => answerAll(session, "stopped before the answer came");
  signal.addEventListener("abort", onAbort, { once: true });
  session.renew();
  await Promise.all(Array.from({ length: window }, sendOn));
  signal.removeEventListener("abort", onAbort);
  return answers;
}

/** What the events not yet sent are told when the relay fell silent, or asked for a pause; undefined to send on. */
function stopAfter(answer: RelayAnswer): RelayAnswer | undefined {
  if (answer.outcome === "unknown") return { outcome: "retry", text: `not sent: ${answer.text}` };
  if ("pauseSec" in answer) return { outcome: "retry", text: `not sent: ${answer.text}`, pauseSec: answer.pauseSec! };
  return undefined;
}

/** Sends one event, and once more when the relay wants to know first whose it is. */
async function publishOne(session: Session, event: OutgoingEvent, sending: Sending): Promise<RelayAnswer> {
  const { url, identity, info, answerTimeoutMs: timeoutMs } = sending;
  const pubkey = identity && decodeEvent(event.json)?.pubkey;
  const signedIn = async () => pubkey !== undefined && signIn(session, { url, pubkey, identity: identity!, timeoutMs });
  if (info?.needsAuth) await signedIn();
  const answer = await sendOnce(session, event, timeoutMs);
  if (!asksToSignIn(answer) || !(await signedIn())) return answer;
  return sendOnce(session, event, timeoutMs);
}

function sendOnce(session: Session, event: OutgoingEvent, timeoutMs: number): Promise<RelayAnswer> {
  return new Promise((resolve) => {
    const settle = (answer: RelayAnswer) => {
      clearTimeout(timer);
      session.answers.delete(event.id);
      resolve(answer);
    };
    const timer = setTimeout(
      () => settle({ outcome: "unknown", text: withNotice(`no answer in ${timeoutMs} ms`, session) }),
      timeoutMs,
    );
    session.answers.set(event.id, settle);
    session.send(`["EVENT",${event.json}]`);
  });
}
