/** GET /api/nodes/{id}: all that is known about one node. Paid. */
import { z } from "zod";
import type { StoredNode } from "../../../adapters/postgres/graph.ts";
import type { NodeOperator } from "../../../adapters/postgres/node-operator.ts";
import type { ProfileRequest } from "../../../core/profile/make-profile.ts";
import type { Msat, UnixSeconds } from "../../../core/units.ts";
import {
  type FindPorts,
  findSubject,
  type HistoryPorts,
  openRemembering,
} from "../../../oracle/profile/answer-profile.ts";
import type { ProfileAnswer } from "../../verdict-graph.ts";
import type { Contract, PaidOperation } from "../operation.ts";
import { subject } from "../schemas.ts";
import { nodeProfile } from "./node-profile.ts";
import { presentNode } from "./present-node.ts";

const params = z.object({ id: subject });

type Params = z.infer<typeof params>;
type Answer = z.infer<typeof nodeProfile>;

export const getNodeContract = {
  operation: "getNode",
  method: "get",
  path: "/api/nodes/{id}",
  summary: "All that is known about one node",
  params,
  response: nodeProfile,
} as const satisfies Contract;

export type NodePorts = FindPorts<StoredNode> &
  HistoryPorts & {
    /** Who has shown to run the node. */
    operatorOf(nodeKey: string, now: UnixSeconds): Promise<NodeOperator | undefined>;
    /** @throws GRAPH_NOT_READY, SUBJECT_UNKNOWN, OVERLOADED, TIMED_OUT */
    profile(request: ProfileRequest): Promise<ProfileAnswer>;
    /** @throws GRAPH_NOT_READY before the first graph; OVERLOADED when too many profiles are being made */
    assertProfiling(): void;
    now(): UnixSeconds;
  };

export function getNode(ports: NodePorts, price: Msat): PaidOperation<Params, StoredNode, Answer> {
  const remember = openRemembering(ports);
  return {
    ...getNodeContract,
    price,
    async prepare({ id }) {
      ports.assertProfiling();
      const node = await findSubject(ports, id);
      ports.assertProfiling();
      return node;
    },
    async answer({ keyHex, score }) {
      const now = ports.now();
      const operator = await ports.operatorOf(keyHex, now);
      return presentNode(await ports.profile(await remember(keyHex, now)), { score, operator });
    },
  };
}
