/** An oracle in a nutshell: what it signs about one paid URL and one node, and the evidence log that it is drawn from. */
import { createHash } from "node:crypto";
import { schnorr } from "@noble/curves/secp256k1.js";
import { fromHex, toHex, utf8 } from "../core/bytes.ts";
import { STAGES } from "../core/endpoint/call.ts";
import { encodeCall } from "../core/evidence/call.ts";
import { CHAIN_START, linkHash } from "../core/evidence/chain.ts";
import { leafHash, pathOf, rootOf } from "../core/merkle/tree.ts";
import { providerList } from "../core/nip85/announcement.ts";
import { endpointAssertion, nodeAssertion } from "../core/nip85/assertion.ts";
import { addressOf, eventId, publicKeyOf, type SignedEvent, type UnsignedEvent } from "../core/nip85/event.ts";
import { heartbeatEvent } from "../core/nip85/heartbeat.ts";
import { keyProfile } from "../core/nip85/profile.ts";
import { standingPath, standingRoot } from "../core/nip85/standing-set.ts";
import { believeEndpoint } from "../core/trust/believe-endpoint.ts";
import { describeCalls } from "../core/trust/describe-calls.ts";
import { halfLives, NO_TALLIES, STARTING_MODEL } from "../core/trust/model.ts";
import { weighCalls } from "../core/trust/weigh-calls.ts";
import { type UnixSeconds, unixSeconds } from "../core/units.ts";
import { callsUpTo } from "./some-call.ts";

const ORIGIN = "https://oracle.example";
const URL_RATED = "https://api.example.com/v1/weather";
const NODE_KEY = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";

const secretOf = (byte: string) => fromHex(byte.repeat(32))!;
const SECRETS = { node: secretOf("11"), endpoint: secretOf("22"), operator: secretOf("33"), brand: secretOf("44") };
const pubkeys = {
  node: publicKeyOf(SECRETS.node),
  endpoint: publicKeyOf(SECRETS.endpoint),
  operator: publicKeyOf(SECRETS.operator),
  brand: publicKeyOf(SECRETS.brand),
};

export function signAs(who: keyof typeof SECRETS, event: UnsignedEvent): SignedEvent {
  const id = eventId(event);
  return { ...event, id, sig: toHex(schnorr.sign(fromHex(id)!, SECRETS[who])) };
}

/** Everything at an instant: events by name, and the lines of a dossier about the URL. */
export function someDossier(at: UnixSeconds) {
  const endpoint = createHash("sha256").update(URL_RATED).digest("hex");
  const call = { endpoint, latencyMs: 300, price: 21_000n as never };
  const calls = [
    ...callsUpTo(at - 3_600, 30, 600, { call }),
    ...callsUpTo(at - 600, 4, 600, { stage: "delivery", good: false, call }),
    ...callsUpTo(at - 100, 2, 30, { source: "signed", stage: "challenge", good: false, call }),
    // Of somebody else's.
    ...callsUpTo(at - 50, 3, 10),
  ];
  const entries = calls.map(encodeCall);
  const leaves = entries.map((entry) => leafHash(utf8(entry)));
  const root = rootOf(leaves);
  const own = calls.filter((each) => each.call.endpoint === endpoint);
  const model = { ...STARTING_MODEL, fittedAt: at - (at % 3_600) };
  const tallies = weighCalls(own, { now: at, halfLifeSec: halfLives(model) });
  const believed = believeEndpoint(model, {
    category: undefined,
    own: tallies,
    siblings: NO_TALLIES,
    reach: undefined,
  });
  const { probes, observations, latency, price } = describeCalls(own, at);
  const percent = (part: number) => Math.round(100 * part);
  const { probability, interval } = believed.chance;
  const aboutUrl = signAs(
    "endpoint",
    endpointAssertion(
      {
        url: URL_RATED,
        method: "GET",
        rank: percent(probability),
        rankLow: percent(interval.low),
        rankHigh: percent(interval.high),
        probes,
        reports: observations - probes.made,
        latencyMs: latency?.medianMs,
        priceMsat: price,
        asOf: at,
      },
      { pubkey: pubkeys.endpoint, createdAt: at },
    ),
  );
  const score = { nodeKey: NODE_KEY, rank: 72, rankLow: 64, rankHigh: 79, observations: 144, asOf: at };
  const speaker = { pubkey: pubkeys.node, origin: ORIGIN, network: "mainnet", createdAt: at } as const;
  const aboutNode = signAs("node", nodeAssertion(score, speaker));
  const others = ["a", "b", "c"].map((path) => ({
    kind: 30_385,
    d: `https://api.example.com/${path}`,
    id: path.repeat(64),
  }));
  const set = [...others, { kind: aboutUrl.kind, d: addressOf(aboutUrl), id: aboutUrl.id }];
  const chainHead = entries.reduce((hash, entry) => linkHash(hash, entry), CHAIN_START.hash);
  const heartbeat = signAs(
    "endpoint",
    heartbeatEvent(
      {
        asOf: unixSeconds(at + 60),
        counts: [{ kind: 30_385, count: set.length }],
        root: standingRoot(set),
        evidence: { position: BigInt(entries.length), head: toHex(chainHead) },
        evidenceTree: { size: entries.length, root: toHex(root) },
        predictions: { position: 0n, head: "00".repeat(32) },
      },
      { pubkey: pubkeys.endpoint, createdAt: unixSeconds(at + 60) },
    ),
  );
  const service = { "lightning-node": pubkeys.node, "l402-endpoint": pubkeys.endpoint, operator: pubkeys.operator };
  const list = signAs(
    "brand",
    providerList({ pubkey: pubkeys.brand, pubkeys: service, relay: "wss://oracle.example/relay", createdAt: at }),
  );
  const profile = signAs(
    "endpoint",
    keyProfile({
      pubkey: pubkeys.endpoint,
      role: "l402-endpoint",
      origin: ORIGIN,
      brandPubkey: pubkeys.brand,
      name: "SatRank: paid APIs",
      subject: "Paid calls.",
      createdAt: at,
    }),
  );
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, { prior: believed.stages[stage].prior }]));
  const proved = entries.flatMap((entry, index) => {
    const path = pathOf(index, leaves.length).map((part) => {
      const from = part[0]!.index * 2 ** part[0]!.level;
      return toHex(rootOf(leaves.slice(from, (part.at(-1)!.index + 1) * 2 ** part.at(-1)!.level)));
    });
    const line = { entry: { position: String(index + 1), entry, size: leaves.length, path } };
    return entry.includes(endpoint) ? [line] : [];
  });
  const names = { origin: ORIGIN, names: { _: pubkeys.brand, l402: pubkeys.endpoint, node: pubkeys.node } };
  const lines: unknown[] = [
    aboutUrl,
    heartbeat,
    list,
    profile,
    { names },
    { standing: { id: aboutUrl.id, ...standingPath(set, aboutUrl.id) } },
    { grounds: { endpoint, method: "GET", category: null, siblings: 0, ratedAt: at, model, stages } },
    ...proved,
  ];
  return { origin: ORIGIN, pubkeys, aboutUrl, aboutNode, heartbeat, list, profile, entries, lines };
}
