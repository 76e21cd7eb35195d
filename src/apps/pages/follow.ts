/** The page that follows: a person's own list with our keys added, signed by the person's signer (NIP-07), sent to the person's relays. */
import type { ProviderTag } from "../../core/nip85/announcement.ts";
import { eventId, readEvent, type SignedEvent, signatureHolds, type UnsignedEvent } from "../../core/nip85/event.ts";
import { npub } from "../../core/nip85/key-text.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import { mergeProviders } from "../../core/nip85/merge-providers.ts";
import { unixSeconds } from "../../core/units.ts";
import { byId, element, show } from "./elements.ts";
import { askRelay, sendEvent } from "./relay.ts";

/** NIP-07. */
type Signer = {
  getPublicKey(): Promise<string>;
  signEvent(event: UnsignedEvent): Promise<unknown>;
  getRelays?(): Promise<Record<string, { write?: boolean }>>;
};
type Template = { tags: ProviderTag[]; optional: ProviderTag[] };
type Read = { pubkey: string; old: SignedEvent | undefined; relays: string[]; template: Template };

const MOST_RELAYS = 8;
const relays = byId("relays", HTMLTextAreaElement);
const result = byId("result", HTMLElement);
const sent = byId("sent", HTMLElement);
const consent = byId("consent", HTMLFormElement);
const none = byId("none", HTMLInputElement);
const people = byId("people", HTMLInputElement);
const sign = byId("sign", HTMLButtonElement);
let read: Read | undefined;

on(byId("form", HTMLFormElement), result, readList);
on(consent, sent, publish);
none.addEventListener("change", allow);
people.addEventListener("change", present);

function on(form: HTMLFormElement, place: HTMLElement, work: () => Promise<void>): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    work().catch((error: unknown) => {
      show(place, element("p", error instanceof Error ? error.message : String(error), "verdict bad"));
    });
  });
}

/** @throws Error without a signer */
function signer(): Signer {
  const { nostr } = window as { nostr?: Signer };
  if (nostr) return nostr;
  throw new Error(
    "There is no signer in this browser (NIP-07). The command satrank follow prints what to sign elsewhere.",
  );
}

async function readList(): Promise<void> {
  consent.hidden = true;
  sent.replaceChildren();
  const nostr = signer();
  const pubkey = await nostr.getPublicKey();
  const known = Object.entries((await nostr.getRelays?.()) ?? {}).flatMap(([url, { write }]) =>
    write === false ? [] : [url],
  );
  const named = relays.value.split(/\s+/).filter((url) => url !== "");
  const first = [...new Set([...named, ...known])].slice(0, MOST_RELAYS);
  if (first.length === 0) throw new Error("Name one of your write relays.");
  const answer = await fetch("api/nostr/providers");
  if (!answer.ok) throw new Error("This site does not say whom to follow.");
  const { data: template } = (await answer.json()) as { data: Template };

  const asked = await askAll(first, pubkey);
  const written = writeRelays(newestOf(asked.events, KIND.relayList, pubkey)).filter((url) => !first.includes(url));
  const further = await askAll(written.slice(0, MOST_RELAYS), pubkey);
  const silent = [...asked.silent, ...further.silent];
  // A newer list may be at the relay that does not answer, and would be lost.
  if (silent.length > 0) throw new Error(`No answer from ${silent.join(", ")}: leave it out, or try again.`);
  const old = newestOf([...asked.events, ...further.events], KIND.providers, pubkey);
  read = { pubkey, old, relays: [...first, ...written], template };
  none.checked = false;
  byId("none-row", HTMLElement).hidden = old !== undefined;
  consent.hidden = false;
  present();
  allow();
}

async function askAll(urls: readonly string[], pubkey: string): Promise<{ events: SignedEvent[]; silent: string[] }> {
  const filter = { authors: [pubkey], kinds: [KIND.relayList, KIND.providers] };
  const answers = await Promise.all(urls.map((url) => askRelay(url, filter)));
  const silent = answers.filter(({ answered }) => !answered).map(({ url }) => url);
  return { events: answers.flatMap(({ events }) => events), silent };
}

function newestOf(events: readonly SignedEvent[], kind: number, pubkey: string): SignedEvent | undefined {
  return events
    .filter(
      (event) => event.kind === kind && event.pubkey === pubkey && eventId(event) === event.id && signatureHolds(event),
    )
    .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))[0];
}

/** NIP-65: without a marker a relay is for both. */
function writeRelays(list: SignedEvent | undefined): string[] {
  const tags = list?.tags.filter(([name, , marker]) => name === "r" && marker !== "read") ?? [];
  return tags.flatMap(([, url]) => (url && /^wss?:\/\//.test(url) ? [url] : []));
}

function merged() {
  const { pubkey, old, template } = read!;
  const ours = people.checked ? [...template.tags, ...template.optional] : template.tags;
  return mergeProviders(old, ours, { pubkey, now: unixSeconds(Math.floor(Date.now() / 1000)) });
}

/** What stays and what comes, before anything is signed. */
function present(): void {
  const { event, added, kept } = merged();
  const lines = event.tags.map((tag, i) => `${i < kept ? "  " : "+ "}${JSON.stringify(tag)}`);
  const secret = event.content === "" ? [] : [element("p", "The encrypted part stays as it is.")];
  const known = read!.old
    ? `${npub(read!.pubkey)}: ${kept} entries stay, ${added.length} are added.`
    : `${npub(read!.pubkey)}: none of these relays has a list of yours. If you have one elsewhere, add its relay: what you sign now takes its place.`;
  show(result, element("p", known), element("pre", lines.join("\n")), ...secret);
  if (added.length === 0) result.append(element("p", "All of it is there already: nothing to sign.", "verdict good"));
  allow();
}

function allow(): void {
  sign.disabled = !read || merged().added.length === 0 || (!read.old && !none.checked);
}

async function publish(): Promise<void> {
  const { event } = merged();
  const signed = readEvent(await signer().signEvent(event));
  // A signer may sign something else than it was given.
  const isSame = signed && eventId(signed) === eventId(event) && signed.id === eventId(event) && signatureHolds(signed);
  if (!isSame) throw new Error("The signer gave back another event, or none: nothing was sent.");
  sign.disabled = true;
  const answers = await Promise.all(read!.relays.map(async (url) => ({ url, ...(await sendEvent(url, signed)) })));
  const list = element("ul", "", "findings");
  for (const { url, taken, text } of answers) {
    const item = element("li", "");
    item.append(
      element("span", taken ? "taken" : "not", `state ${taken ? "good" : "bad"}`),
      element("span", `${url} ${text}`),
    );
    list.append(item);
  }
  show(sent, list);
  if (answers.some(({ taken }) => taken)) read = { ...read!, old: signed };
}
