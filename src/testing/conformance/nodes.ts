/** The three nodes the suite talks to, simulated or real, and what it can make happen to them. */
import { readFileSync } from "node:fs";
import { connectLnd, type LndClient } from "../../adapters/lnd/connect.ts";
import { type Access, type Dialed, dial } from "./dial.ts";

/**
 * Payer – hub – payee in a line: one channel between payer and hub, two between hub and payee, and nothing else. Both
 * ends of each hold some hundred thousand satoshis at least.
 */
export type Nodes = {
  /** Such as `0.20.3-beta`; with `simulated` in front where it is. */
  name: string;
  payer: TestNode;
  hub: TestNode;
  payee: TestNode;
  /** How long a payee waits for the parts of a payment. */
  mppTimeoutMs: number;
  /** Where the world cannot do it, it is absent, and what needs it is left out. */
  openChannel?: ((from: TestNode, to: TestNode, capacitySat: number) => Promise<void>) | undefined;
  /** By channel point. */
  closeChannel?: ((owner: TestNode, channelPoint: string) => Promise<void>) | undefined;
  stop?: ((node: TestNode, how: "orderly" | "kill") => Promise<void>) | undefined;
  start?: ((node: TestNode) => Promise<void>) | undefined;
  /** A node whose wallet is locked. */
  locked?: Access | undefined;
  close(): Promise<void>;
};

export type TestNode = {
  name: string;
  key: string;
  access: Access;
  /** May do everything. */
  admin: Dialed;
  /** A connection that may do just this, such as `info:read`. */
  as(...permissions: string[]): Promise<Dialed>;
  /** The same with the program's own adapter. */
  client(...permissions: string[]): Promise<LndClient>;
};

/** `access` opens everything. */
export async function openNode(name: string, access: Access): Promise<TestNode> {
  const admin = dial(access);
  const { identity_pubkey } = await admin.call("lightning.GetInfo");
  const bake = async (permissions: string[]) => {
    const rows = permissions.map((permission) => {
      const [entity, action] = permission.split(":");
      return { entity, action };
    });
    const { macaroon } = await admin.call("lightning.BakeMacaroon", { permissions: rows });
    return macaroon as string;
  };
  return {
    name,
    key: identity_pubkey,
    access,
    admin,
    as: async (...permissions) => dial({ ...access, macaroon: await bake(permissions) }),
    client: async (...permissions) =>
      connectLnd({ host: access.host, tlsCert: Buffer.from(access.cert), macaroonHex: await bake(permissions) }),
  };
}

/** The real nodes that `CONFORMANCE_NODES` names, else simulated ones. */
export async function openNodes(): Promise<Nodes> {
  const path = process.env["CONFORMANCE_NODES"];
  if (path === undefined || path === "") {
    const { openSimulatedNodes } = await import("./simulated-nodes.ts");
    return openSimulatedNodes();
  }
  const { openRealNodes } = await import("./real-nodes.ts");
  return openRealNodes(JSON.parse(readFileSync(path, "utf8")));
}
