/** `satrank follow`: the next version of a person's list of providers, to be signed by that person. Nothing is signed or sent here. */
import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { isGenuine } from "../../../core/audit/check-author.ts";
import { OracleError } from "../../../core/errors.ts";
import { decodeEvent, type SignedEvent } from "../../../core/nip85/event.ts";
import { parsePublicKey } from "../../../core/nip85/key-text.ts";
import { KIND } from "../../../core/nip85/kinds.ts";
import { mergeProviders } from "../../../core/nip85/merge-providers.ts";
import { now } from "../../clock.ts";
import { askOrigin } from "../ask-origin.ts";
import { readEventFile } from "../find-published.ts";
import { askRelays, freshest } from "../gather.ts";
import type { Output } from "../terminal.ts";
import { urlOf } from "../url-option.ts";

const RELAY_TIMEOUT_MS = 10_000;

const tags = z.array(z.tuple([z.string(), z.string().regex(/^[0-9a-f]{64}$/), z.string()])).max(20);
const template = z.object({ data: z.object({ tags, optional: tags }) });

type Options = { origin: string; relay?: string[]; people?: boolean; new?: boolean };

export function followCommand(output: Output): Command {
  const relay = urlOf("ws", "wss");
  return new Command("follow")
    .description("print your list of providers (kind 10040) with this oracle's keys added, for you to sign")
    .argument("<list>", "your npub, or a file of your newest list, - for standard input")
    .option("--origin <url>", "the oracle", urlOf("http", "https"), "http://127.0.0.1:3000")
    .option("--relay <url>", "one of your write relays; may be repeated", (url: string, before: string[] = []) => [
      ...before,
      relay(url),
    ])
    .option("--people", "also rank people by the oracle's operator key: it takes the slot of whoever does that now")
    .option("--new", "you have no list yet")
    .action(async (who: string, options: Options) => {
      const pubkey = parsePublicKey(who);
      const old = pubkey === undefined ? fileOf(who) : await newestList(pubkey, options);
      const ours = template.parse(await askOrigin(options.origin, "/api/nostr/providers")).data;
      const wanted = options.people ? [...ours.tags, ...ours.optional] : ours.tags;
      const { event, added, kept } = mergeProviders(old, wanted, { pubkey: pubkey ?? old!.pubkey, now: now() });
      output.rescue(
        { kept: String(kept), added: String(added.length) },
        added.length === 0
          ? "all of it is there already: nothing to sign"
          : `${kept} entries stay, ${added.length} are added`,
      );
      output.result(event, [JSON.stringify(event)]);
    });
}

/** @throws EVENT_MALFORMED, since what is not the person's own list must not become it */
function fileOf(file: string): SignedEvent {
  const event = decodeEvent(readEventFile(file));
  if (event?.kind === KIND.providers && isGenuine(event)) return event;
  throw new OracleError("EVENT_MALFORMED", `${file} is no genuine list of providers (kind ${KIND.providers})`);
}

/** @throws RELAY_UNAVAILABLE unless every relay answers: a newer list may be at the one that does not */
async function newestList(
  pubkey: string,
  { relay: urls = [], new: isNew = false }: Options,
): Promise<SignedEvent | undefined> {
  if (urls.length === 0 && isNew) return undefined;
  if (urls.length === 0) throw new InvalidArgumentError("name your write relays with --relay, or say --new");
  const filter = { kinds: [KIND.providers], authors: [pubkey], limit: 10 };
  const { events, failures } = await askRelays({ urls, timeoutMs: RELAY_TIMEOUT_MS }, filter);
  if (failures.length > 0) throw new OracleError("RELAY_UNAVAILABLE", failures.join("; "));
  const [newest] = freshest(events.filter((event) => event.pubkey === pubkey && event.kind === KIND.providers)).filter(
    isGenuine,
  );
  if (newest || isNew) return newest;
  throw new OracleError("SUBJECT_UNKNOWN", "your relays have no list of yours: name others, or say --new");
}
