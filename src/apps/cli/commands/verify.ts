/** `satrank verify`: whether a published event may be relied on, check by check, and what has to be believed all the same. */
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { type Dossier, readDossier, sortLines } from "../../../core/audit/dossier.ts";
import { type Verdict, verifyPublished } from "../../../core/audit/verify-published.ts";
import { OracleError } from "../../../core/errors.ts";
import { decodeEvent, type SignedEvent } from "../../../core/nip85/event.ts";
import { parsePublicKey } from "../../../core/nip85/key-text.ts";
import { now } from "../../clock.ts";
import { findPublished, readEventFile, whatIsMeant } from "../find-published.ts";
import { besideEvent, besideOrigin, type Relays } from "../gather.ts";
import { readText } from "../read-text.ts";
import { checkRescore } from "../rescore.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";
import { printable } from "../text.ts";
import { urlOf } from "../url-option.ts";

const DEFAULT_RELAY = "ws://127.0.0.1:3000/relay";
const RELAY_TIMEOUT_MS = 10_000;

type Options = {
  relay?: string[];
  author?: string;
  brand?: string;
  origin?: string;
  bundle?: string;
  offline?: boolean;
  wholeLog?: boolean;
  graph?: string;
  save?: string;
};

export function verifyCommand(output: Output): Command {
  const relay = urlOf("ws", "wss");
  const several = (url: string, before: string[] = []) => [...before, relay(url)];
  return new Command("verify")
    .description("check what was published, by itself and by what it was drawn from (docs/verifying.md)")
    .argument("<event>", "a file, -, an event id, note, nevent or naddr, a node key, alias@<name> or a URL")
    .option("--relay <url>", `where to look; may be repeated (default ${DEFAULT_RELAY})`, several)
    .option("--author <key>", "the key that must have signed it, npub or hex")
    .option("--brand <key>", "the key whose list (kind 10040) must name the author, npub or hex")
    .option(
      "--origin <url>",
      "the oracle's site: it must name the author, and has the evidence",
      urlOf("http", "https"),
    )
    .option("--bundle <file>", "signed events, entries and proofs at hand, .ndjson or .json, packed or not")
    .option("--offline", "ask nobody: the file and the bundle alone")
    .option("--whole-log", "read all of the evidence log, which shows that nothing was left out")
    .option("--graph <file>", "a describegraph file, to compute the rank of a node again")
    .option("--save <file>", "keep everything it was checked by, for --bundle")
    .action((subject: string, options: Options) => verify(output, subject, options));
}

/** What was asked for, read: keys as hex, files as what they hold. */
type Request = {
  readonly options: Options;
  readonly author: string | undefined;
  readonly brand: string | undefined;
  /** Undefined when nobody is to be asked. */
  readonly origin: string | undefined;
  readonly known: Dossier;
};

async function verify(output: Output, subject: string, options: Options): Promise<void> {
  const [author, brand] = [keyOf("--author", options.author), keyOf("--brand", options.brand)];
  const origin = options.offline ? undefined : options.origin;
  const known = options.bundle === undefined ? sortLines([]) : bundleOf(options.bundle);
  const request: Request = { options, author, brand, origin, known };
  const wanted = await whatIsMeant(subject, { author, origin });
  const isRelayAsked = !options.offline && (wanted !== undefined || options.relay !== undefined);
  const urls = [...new Set([...(wanted?.relays ?? []), ...(options.relay ?? [DEFAULT_RELAY])])];
  const relays = isRelayAsked ? { urls, timeoutMs: RELAY_TIMEOUT_MS } : undefined;
  if (relays) output.progress(`asking ${urls.map(printable).join(", ")} ...`);
  const read = wanted
    ? await findPublished(wanted, { relays, dossier: known, author })
    : { events: [readEventFile(subject)], failures: [] };
  for (const failure of read.failures) output.progress(`no answer: ${printable(failure)}`);

  const results: Verdict[] = [];
  const kept = new Set<string>();
  for (const json of read.events) {
    const event = typeof json === "string" ? decodeEvent(json) : json;
    const lines = event ? [event, ...(await gather(output, request, relays, event))] : [];
    results.push(judge(json, event, merge(known, lines), request));
    for (const line of lines) kept.add(JSON.stringify(line));
  }
  output.progress("");
  if (options.save !== undefined) writeFileSync(options.save, [...kept].map((line) => `${line}\n`).join(""));
  output.result(
    results,
    results.flatMap((result) => describe(output, result)),
  );
  if (!results.every((result) => result.holds)) throw new Exit(EXIT.failed);
}

/** What those who are to be asked have beside an event. */
async function gather(
  output: Output,
  { options, brand, origin }: Request,
  relays: Relays | undefined,
  event: SignedEvent,
): Promise<unknown[]> {
  const beside = relays ? await besideEvent(relays, event, brand) : [];
  if (origin === undefined) return beside;
  output.progress(`asking ${printable(origin)} ...`);
  const { wholeLog = false } = options;
  return [...beside, ...(await besideOrigin(origin, event, { wholeLog, progress: output.progress }))];
}

function judge(json: unknown, event: SignedEvent | undefined, dossier: Dossier, request: Request): Verdict {
  const { author, brand, options } = request;
  const verdict = verifyPublished(json, dossier, { author, brand, origin: options.origin, now: now() });
  if (options.graph === undefined || !event || !verdict.holds) return verdict;
  const { findings, believed } = checkRescore(event, readText(options.graph), dossier.entries);
  return {
    ...verdict,
    holds: findings.every(({ holds }) => holds !== false),
    findings: [...verdict.findings, ...findings],
    believed: [...verdict.believed, ...believed],
  };
}

/** @throws EVENT_MALFORMED */
function keyOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const key = parsePublicKey(text);
  if (key === undefined) throw new OracleError("EVENT_MALFORMED", `${option}: npub or 64 hex digits`);
  return key;
}

/** @throws EVENT_MALFORMED */
function bundleOf(file: string): Dossier {
  const dossier = readDossier(readText(file));
  if (!dossier) throw new OracleError("EVENT_MALFORMED", `${file} is too large for a bundle`);
  return dossier;
}

function merge(known: Dossier, lines: readonly unknown[]): Dossier {
  const fresh = sortLines(lines);
  const entries = new Map([...known.entries, ...fresh.entries].map((entry) => [entry.position, entry]));
  return {
    events: [...known.events, ...fresh.events],
    names: [...fresh.names, ...known.names],
    standing: new Map([...known.standing, ...fresh.standing]),
    entries: [...entries.values()].sort((a, b) => (a.position < b.position ? -1 : 1)),
    grounds: [...fresh.grounds, ...known.grounds],
    unread: known.unread + fresh.unread,
  };
}

function describe(output: Output, { findings, believed, holds }: Verdict): string[] {
  const sign = (holds: boolean | undefined) =>
    holds === undefined
      ? output.paint("yellow", "open  ")
      : holds
        ? output.paint("green", "ok    ")
        : output.paint("red", "FAILED");
  const count = findings.filter((finding) => finding.holds === undefined).length;
  const verdict = holds ? output.paint("green", "VALID") : output.paint("red", "NOT VALID");
  return [
    ...findings.map((finding) => `${sign(finding.holds)}  ${finding.name}: ${printable(finding.detail)}`),
    ...believed.map((what) => `${output.paint("dim", "taken ")}  ${what}`),
    holds && count > 0 ? `${verdict}, as far as it could be checked: ${count} open` : verdict,
    "",
  ];
}
