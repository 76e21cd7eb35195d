/** The page that checks: what is pasted or dropped is verified by the same functions as everywhere, and nothing leaves the page. */
import { type Dossier, MAX_DOSSIER_CHARS, readDossier, sortLines } from "../../core/audit/dossier.ts";
import { type Verdict, verifyPublished } from "../../core/audit/verify-published.ts";
import { readEntity } from "../../core/nip85/entity.ts";
import { addressOf, type SignedEvent } from "../../core/nip85/event.ts";
import { parsePublicKey } from "../../core/nip85/key-text.ts";
import { isAssertion } from "../../core/nip85/kinds.ts";
import { unixSeconds } from "../../core/units.ts";
import { byId, element, show } from "./elements.ts";
import { findOnSite } from "./site.ts";

const input = byId("input", HTMLTextAreaElement);
const file = byId("file", HTMLInputElement);
const fileName = byId("file-name", HTMLElement);
const brand = byId("brand", HTMLInputElement);
const origin = byId("origin", HTMLInputElement);
const names = byId("names", HTMLTextAreaElement);
const result = byId("result", HTMLElement);

// Links in what is published name an event after `#`, which no server is told.
const linked = location.hash.slice(1);
if (linked !== "") {
  input.value = linked.slice(0, 4_096);
  addEventListener("load", () => byId("form", HTMLFormElement).requestSubmit());
}

/** A file is kept beside the text: a bundle is too long to be shown. */
let loaded = "";
/** Of a bundle, so many are shown. */
const MOST_SHOWN = 50;

byId("form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  void check().catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));
});
byId("clear", HTMLButtonElement).addEventListener("click", () => {
  for (const field of [input, brand, origin, names, file]) field.value = "";
  loaded = "";
  fileName.textContent = "";
  result.replaceChildren();
  input.focus();
});
file.addEventListener("change", () => void take(file.files?.[0]));
input.addEventListener("dragover", (event) => {
  event.preventDefault();
  input.classList.add("over");
});
input.addEventListener("dragleave", () => input.classList.remove("over"));
input.addEventListener("drop", (event) => {
  event.preventDefault();
  input.classList.remove("over");
  void take(event.dataTransfer?.files[0]);
});

async function take(chosen: File | undefined): Promise<void> {
  if (!chosen) return;
  if (chosen.size > MAX_DOSSIER_CHARS) return fail(`${chosen.name} is too large`);
  loaded = await chosen.text();
  fileName.textContent = `${chosen.name}, ${chosen.size.toLocaleString("en")} bytes`;
}

async function check(): Promise<void> {
  const text = input.value.trim();
  const named =
    readEntity(text) ?? (/^[0-9a-f]{64}$/i.test(text) ? { type: "event" as const, id: text.toLowerCase() } : undefined);
  const dossier = readDossier(named ? loaded : `${text}\n${loaded}`.trim());
  const key = brand.value.trim() === "" ? undefined : parsePublicKey(brand.value.trim());
  if (!dossier) return fail("that is too long");
  if (brand.value.trim() !== "" && key === undefined)
    return fail("the announcing key is neither npub1… nor 64 hex digits");
  const site = origin.value.trim() === "" ? undefined : origin.value.trim();
  const options = { brand: key, origin: site, now: unixSeconds(Math.floor(Date.now() / 1000)) };
  const given = merge(dossier, namesLines(site));
  const meant = named
    ? given.events.filter((event) => isMeant(named, event))
    : given.events.filter(({ kind }) => isAssertion(kind));
  const chosen = meant.length > 0 || named ? meant : given.events;
  if (chosen.length > 0) return tell(chosen.slice(0, MOST_SHOWN), given, options, chosen.length);
  if (!named) return explain(text, given, options);
  const found = await findOnSite(named);
  if (!found) return fail("the event is not among the lines, and this site does not have it");
  tell([found.event], merge(given, found.lines), options, 1);
}

type Named = NonNullable<ReturnType<typeof readEntity>> | { type: "event"; id: string };

function isMeant(named: Named, event: SignedEvent): boolean {
  if (named.type === "event") return event.id === named.id;
  return event.kind === named.kind && event.pubkey === named.pubkey && addressOf(event) === named.d;
}

function merge(one: Dossier, lines: readonly unknown[]): Dossier {
  const other = sortLines(lines);
  return {
    events: [...one.events, ...other.events],
    names: [...other.names, ...one.names],
    standing: new Map([...one.standing, ...other.standing]),
    entries: one.entries.length > 0 ? one.entries : other.entries,
    grounds: [...one.grounds, ...other.grounds],
    unread: one.unread + other.unread,
  };
}

/** What was pasted of /.well-known/nostr.json. */
function namesLines(site: string | undefined): unknown[] {
  if (site === undefined || names.value.trim() === "") return [];
  try {
    const document = JSON.parse(names.value) as { names?: unknown };
    return [{ names: { origin: site, names: document.names } }];
  } catch {
    throw new Error("what the host gives is not JSON");
  }
}

type Options = Parameters<typeof verifyPublished>[2];

function tell(events: readonly SignedEvent[], dossier: Dossier, options: Options, count: number): void {
  const verdicts = events.map((event) => verifyPublished(event, dossier, options));
  const more = count > events.length ? [element("p", `${count - events.length} more are not shown.`, "dim")] : [];
  show(result, ...verdicts.flatMap(present), ...more);
}

/** Nothing in it is an event: the form says why. */
function explain(text: string, dossier: Dossier, options: Options): void {
  show(result, ...present(verifyPublished(text, dossier, options)));
}

function present({ holds, findings, believed, event }: Verdict): Node[] {
  const count = findings.filter((finding) => finding.holds === undefined).length;
  const partly = holds && count > 0 ? `, as far as it could be checked: ${count} open` : "";
  const verdict = element("p", (holds ? "VALID" : "NOT VALID") + partly, `verdict ${holds ? "good" : "bad"}`);
  const list = element("ul", "", "findings");
  for (const finding of findings) {
    const [word, look] =
      finding.holds === undefined ? ["open", "open"] : finding.holds ? ["ok", "good"] : ["FAILED", "bad"];
    const item = element("li", "");
    item.append(element("span", word, `state ${look}`), element("span", `${finding.name}: ${finding.detail}`));
    list.append(item);
  }
  const title = element("h2", event ? `${event.kind}: ${addressOf(event) || event.id}` : "What was pasted");
  if (believed.length === 0) return [title, verdict, list];
  const taken = element("ul", "");
  for (const what of believed) taken.append(element("li", what));
  return [title, verdict, list, element("p", "What has to be believed all the same:"), taken];
}

function fail(message: string): void {
  show(result, element("p", message, "verdict bad"));
}
