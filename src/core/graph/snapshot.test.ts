import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { errorCode } from "../errors.ts";
import { graphFromRecords } from "./records.ts";
import { decodeSnapshot, encodeSnapshot, graphDigest, snapshotDigest } from "./snapshot.ts";

const { nodes, channels } = syntheticGraph({ nodes: 40, channels: 90, seed: 3 });
const half = channels.map((channel, i) => {
  const { policy2, ...one } = channel;
  return i % 7 === 0 || !policy2 ? one : { ...one, policy2: { ...policy2, inboundFeeBaseMsat: -2_147_483_648 } };
});
const { graph } = graphFromRecords(nodes, half);
const snapshot = encodeSnapshot(graph);

test("a snapshot decodes to the same graph, in every array", () => {
  expect(decodeSnapshot(snapshot)).toEqual(graph);
  expect(snapshotDigest(snapshot)).toBe(graphDigest(graph));
});

test("an empty graph has a snapshot", () => {
  const empty = graphFromRecords([], []).graph;
  expect(decodeSnapshot(encodeSnapshot(empty))).toEqual(empty);
});

test("every shortened, lengthened or foreign snapshot is refused by name", () => {
  const lengths = fc.integer({ min: 0, max: snapshot.length - 1 });
  fc.assert(fc.property(lengths, (length) => refusal(snapshot.subarray(0, length)) === "GRAPH_MALFORMED"));
  expect(refusal(new Uint8Array([...snapshot, 0]))).toBe("GRAPH_MALFORMED");
  expect(refusal(new TextEncoder().encode("SRG2 of another day"))).toBe("GRAPH_MALFORMED");
  // A header that promises four hundred thousand nodes and brings none.
  expect(refusal(new Uint8Array([0x53, 0x52, 0x47, 0x31, 0x80, 0xb5, 0x18, 0]))).toBe("GRAPH_MALFORMED");
});

test("a damaged snapshot is refused or is another graph in canonical form", () => {
  const position = fc.integer({ min: 0, max: snapshot.length - 1 });
  fc.assert(
    fc.property(position, fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = snapshot.slice();
      damaged[at]! ^= flip;
      try {
        expect(encodeSnapshot(decodeSnapshot(damaged))).toEqual(damaged);
      } catch (error) {
        if (errorCode(error) !== "GRAPH_MALFORMED") throw error;
      }
    }),
  );
});

function refusal(bytes: Uint8Array): string | undefined {
  try {
    decodeSnapshot(bytes);
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}
