/** How a node behaves towards its clients, as far as that is not decided by what they ask. It outlives a restart. */
import { setTimeout } from "node:timers/promises";
import { RpcRefusal } from "../node/refusal.ts";

/** lnrpc.WalletState */
export type WalletState = "NON_EXISTING" | "LOCKED" | "UNLOCKED" | "RPC_ACTIVE" | "SERVER_ACTIVE" | "WAITING_TO_START";

/** What LND answers to every call but those to the State service. With its RPCs active it answers them all. */
const REFUSED: Partial<Record<WalletState, string>> = {
  NON_EXISTING: "wallet not created, create one to enable full RPC access",
  LOCKED: "wallet locked, unlock it to enable full RPC access",
  UNLOCKED: "the RPC server is in the process of starting up, but not yet ready to accept calls",
  WAITING_TO_START: "waiting to start, RPC services not available",
};

export type Conduct = ReturnType<typeof createConduct>;

export function createConduct() {
  const delays = new Map<string, number>();
  let state: WalletState = "SERVER_ACTIVE";
  return {
    state: () => state,
    setState(next: WalletState): void {
      state = next;
    },
    /** Lets calls of one RPC (`GetInfo`), or of all without a delay of their own (`*`), wait before they are looked at. */
    delay(rpc: string, delayMs: number): void {
      delays.set(rpc, delayMs);
    },
    /** @throws RpcRefusal in a state in which LND takes no call */
    checkState(): void {
      const words = REFUSED[state];
      if (words !== undefined) throw new RpcRefusal(words);
    },
    async wait(path: string): Promise<void> {
      const delayMs = delays.get(path.slice(path.lastIndexOf("/") + 1)) ?? delays.get("*") ?? 0;
      if (delayMs > 0) await setTimeout(delayMs, undefined, { ref: false });
    },
  };
}
