/** `satrank verify`: whether a published event may be relied on, check by check, without asking the oracle. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { fetchEvents } from "../../../adapters/nostr/fetch-events.ts";
import { OracleError } from "../../../core/errors.ts";
import { isNodeKey, NETWORKS, nodeIdentifier } from "../../../core/nip85/identifier.ts";
import { parsePublicKey } from "../../../core/nip85/key-text.ts";
import { KIND } from "../../../core/nip85/kinds.ts";
import { type Verification, verifyEvent } from "../../../core/nip85/verify.ts";
import { now } from "../../clock.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";
import { urlOf } from "../url-option.ts";

/** More than any event of ours; a file beyond it is not read into a check. */
const MAX_FILE_BYTES = 1_048_576;
const DEFAULT_RELAY = "ws://127.0.0.1:3000/relay";
const MAX_EVENTS = 20;

type Options = { relay: string; author?: string };

export function verifyCommand(output: Output): Command {
  return new Command("verify")
    .description("check a published event: form, id, signature, author, subject, rank, times")
    .argument("<event>", "a file of event JSON, - for standard input, a 64-hex event id, or a 66-hex node key")
    .option("--relay <url>", "where to look an id or a node up", urlOf("ws", "wss"), DEFAULT_RELAY)
    .option("--author <key>", "the key that must have signed it, npub or hex (see its announcement)")
    .action(async (subject: string, options: Options) => {
      const author = options.author === undefined ? undefined : parsePublicKey(options.author);
      if (options.author !== undefined && author === undefined)
        throw new OracleError("EVENT_MALFORMED", "--author: npub or 64 hex digits");
      const events = await readEvents(subject, options.relay, author, output);
      const results = events.map((event) => verifyEvent(event, { expectedPubkey: author, now: now() }));
      output.result(
        results,
        results.flatMap((result) => describe(output, result)),
      );
      if (!results.every((result) => result.holds)) throw new Exit(EXIT.failed);
    });
}

/** @throws SUBJECT_UNKNOWN when the relay has none, EVENT_MALFORMED when the file cannot be read */
async function readEvents(
  subject: string,
  relay: string,
  author: string | undefined,
  output: Output,
): Promise<unknown[]> {
  const byId = /^[0-9a-f]{64}$/i.test(subject);
  const byNode = /^0[23][0-9a-f]{64}$/i.test(subject);
  if (!byId && !byNode) return [readText(subject)];

  output.progress(`asking ${relay} ...`);
  const authors = author === undefined ? {} : { authors: [author] };
  const events = byId
    ? await fetchEvents(relay, { ids: [subject.toLowerCase()], limit: 1 })
    : await fetchEvents(relay, {
        kinds: [KIND.aboutIdentifier],
        "#d": identifiers(subject),
        ...authors,
        limit: MAX_EVENTS,
      });
  output.progress("");
  if (events.length === 0) throw new OracleError("SUBJECT_UNKNOWN", `${relay} has no such event`);
  return events;
}

/** The node on any network: the relay knows which. */
function identifiers(key: string): string[] {
  const keyHex = key.toLowerCase();
  if (!isNodeKey(keyHex))
    throw new OracleError("SUBJECT_MALFORMED", "this is not a point on the curve, so no node's key");
  return NETWORKS.map((network) => nodeIdentifier(keyHex, network));
}

function readText(file: string): string {
  try {
    const text = readFileSync(file === "-" ? 0 : file);
    if (text.length > MAX_FILE_BYTES) throw new Error("too large");
    return text.toString("utf8");
  } catch (cause) {
    throw new OracleError("EVENT_MALFORMED", `cannot read ${file}: give a file, -, an event id or a node key`, {
      cause,
    });
  }
}

function describe(output: Output, result: Verification): string[] {
  const sign = (holds: boolean) => (holds ? output.paint("green", "ok    ") : output.paint("red", "FAILED"));
  const verdict = result.holds ? output.paint("green", "VALID") : output.paint("red", "NOT VALID");
  return [...result.checks.map(({ name, holds, detail }) => `${sign(holds)}  ${name}: ${detail}`), verdict, ""];
}
