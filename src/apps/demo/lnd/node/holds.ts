/** HTLCs that hang: a node of the network keeps what passes through it, until it is told to let go. */

/** Going to the payee, or coming back with the preimage. */
export type Way = "there" | "back";

/** What a held HTLC waits for. True: it goes on from where it is; false: it comes back as a temporary failure. */
type Gate = { node: string; way: Way; opened: Promise<boolean> };

export type Holds = ReturnType<typeof createHolds>;

export function createHolds() {
  const gates = new Set<Gate>();
  return {
    /**
     * Whatever passes the node from here on stays there, as with a peer that neither forwards nor fails. On the way
     * back the payee has its money already, and only the payer does not know. The returned function lets everything
     * go: `fail` turns back what was on its way there.
     */
    hold(node: string, way: Way = "there"): (end?: "forward" | "fail") => void {
      let open: (goesOn: boolean) => void = () => undefined;
      const opened = new Promise<boolean>((resolve) => {
        open = resolve;
      });
      const gate = { node, way, opened };
      gates.add(gate);
      return (end = "forward") => {
        gates.delete(gate);
        open(end === "forward");
      };
    },

    /** Where the first of these nodes is that holds what passes this way, and what it waits for. */
    firstOf(nodes: readonly string[], way: Way): { position: number; opened: Promise<boolean> } | undefined {
      for (const [position, node] of nodes.entries()) {
        for (const gate of gates) if (gate.node === node && gate.way === way) return { position, opened: gate.opened };
      }
      return undefined;
    },
  };
}
