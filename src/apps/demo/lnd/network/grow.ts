/** Makes room in a running network, whose arrays have the length they were built with. */
import type { Network } from "./network.ts";

/** Room for one more channel, which has no ends yet. Returns its place. */
export function addChannelPlace(network: Network): number {
  const place = network.channelCount++;
  network.channelIds = longer(network.channelIds, 1);
  network.capacityMsat = longer(network.capacityMsat, 1);
  network.closed = longer(network.closed, 1);
  network.channelPoints.push("");

  network.ends = longer(network.ends, 2);
  network.hasPolicy = longer(network.hasPolicy, 2);
  network.enabled = longer(network.enabled, 2);
  network.linkDown = longer(network.linkDown, 2);
  network.refuses = longer(network.refuses, 2);
  network.feeBaseMsat = longer(network.feeBaseMsat, 2);
  network.feeRatePpm = longer(network.feeRatePpm, 2);
  network.cltvDelta = longer(network.cltvDelta, 2);
  network.minHtlcMsat = longer(network.minHtlcMsat, 2);
  network.maxHtlcMsat = longer(network.maxHtlcMsat, 2);
  network.policyUpdates = longer(network.policyUpdates, 2);
  network.balanceMsat = longer(network.balanceMsat, 2);
  network.lockedMsat = longer(network.lockedMsat, 2);
  return place;
}

/** One more node, online and without channels. Returns its place. */
export function addNodePlace(network: Network, key: string): number {
  const place = network.nodeCount++;
  network.keys.push(key);
  network.indexOfKey.set(key, place);
  network.aliases.push("");
  network.nodeUpdates = longer(network.nodeUpdates, 1);
  network.online = longer(network.online, 1);
  network.online[place] = 1;
  network.inStart = longer(network.inStart, 1);
  network.inStart[place + 1] = network.inStart[place]!;
  return place;
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array | BigUint64Array;

function longer<Some extends Numbers>(numbers: Some, by: number): Some {
  const Kind = numbers.constructor as new (length: number) => Some;
  const copy = new Kind(numbers.length + by);
  copy.set(numbers as never);
  return copy;
}
