/** One node's server through its whole life: started, stopped, killed and started again, at one address. */
import { createTlsPair, type TlsPair } from "./grpc/certificate.ts";
import type { Conduct, WalletState } from "./grpc/conduct.ts";
import type { Permission } from "./grpc/permissions.ts";
import type { Scene } from "./grpc/rpc/rpc.ts";
import { type NodeServer, startNodeServer } from "./grpc/server.ts";

/** What may happen to a node and to those who are connected to it. */
export type NodeControl = {
  /** The state its wallet is in. But for RPC_ACTIVE and SERVER_ACTIVE, only GetState is answered. */
  setWalletState(state: WalletState): void;
  /** Lets calls of one RPC (`GetInfo`), or of all others (`*`), wait so long before they are looked at. 0 ends it. */
  delayAnswers: Conduct["delay"];
  /** Breaks every connection; new ones are taken at once. */
  dropConnections(): void;
  /** As SIGKILL: connections break, nobody listens, and peers find the node offline. */
  kill(): void;
  /** As SIGTERM: streams end as LND ends them, then nobody listens. */
  stop(): Promise<void>;
  /** Starts a node that was killed or stopped, where it was. With `newCertificate` it shows another one than before. */
  restart(options?: { newCertificate?: boolean }): Promise<void>;
  /** A macaroon (hex) that grants just this. */
  bakeMacaroon(permissions: readonly Permission[]): string;
  /** The certificate it shows, PEM. */
  certificate(): string;
};

export type RunningNode = { port: number; control: NodeControl };

/** Starts it on a free port of loopback. */
export async function runNode(
  scene: Scene,
  options: { tls: TlsPair; macaroonRootKey: Uint8Array },
): Promise<RunningNode> {
  const { macaroonRootKey } = options;
  const { world, node, conduct } = scene;
  const start = (port: number) => startNodeServer(scene, { tls, macaroonRootKey, port });
  let { tls } = options;
  let server: NodeServer | undefined = await start(0);
  const { port } = server;
  const leave = () => {
    const left = server;
    server = undefined;
    if (left) world.gossip.setOnline(node.key, false);
    return left;
  };
  const control: NodeControl = {
    setWalletState: (state) => conduct.setState(state),
    delayAnswers: (rpc, delayMs) => conduct.delay(rpc, delayMs),
    dropConnections: () => server?.dropConnections(),
    kill: () => leave()?.kill(),
    stop: async () => leave()?.stop(),
    async restart({ newCertificate = false } = {}) {
      if (server) throw new Error(`${node.name} is running`);
      if (newCertificate) tls = createTlsPair(Math.floor(world.now()));
      server = await start(port);
      world.gossip.setOnline(node.key, true);
    },
    bakeMacaroon: scene.bake,
    certificate: () => tls.certPem,
  };
  return { port, control };
}
