/** The nodes that serve one purpose, and who of them is asked: the first that is well, or the one that knows. */
import type { LndClient } from "../adapters/lnd/connect.ts";
import { errorCode, OracleError } from "../core/errors.ts";

/** A node of a group. `rank` is 0 when all is well with it, higher when it should be asked later. */
export type LndMember = { client(): LndClient | undefined; rank(): number };

export type LndGroup = {
  /**
   * The answer of the first node, the well ones first, that gives one. For calls that any node may answer, and that do no
   * harm when two do. @throws LND_UNAVAILABLE, LND_REFUSED when none answers
   */
  first<Result>(call: (client: LndClient) => Promise<Result>): Promise<Result>;
  /**
   * What the one node that knows says. Undefined when every node has answered that it does not know.
   * @throws LND_UNAVAILABLE, LND_REFUSED when none knows, and one that could has not answered
   */
  search<Result>(call: (client: LndClient) => Promise<Result | undefined>): Promise<Result | undefined>;
};

/** `purpose` is for the message when there is nobody to ask. */
export function groupNodes(purpose: string, members: readonly LndMember[]): LndGroup {
  const inOrder = (): LndClient[] => {
    const ranked = members.map((member) => ({ client: member.client(), rank: member.rank() }));
    return ranked.sort((a, b) => a.rank - b.rank).flatMap(({ client }) => client ?? []);
  };
  const nobody = () => new OracleError("LND_UNAVAILABLE", `no LND is set up for ${purpose}`);

  return {
    async first(call) {
      const failures: unknown[] = [];
      for (const client of inOrder()) {
        try {
          return await call(client);
        } catch (error) {
          failures.push(ofNode(error));
        }
      }
      throw gravest(failures) ?? nobody();
    },

    async search(call) {
      const failures: unknown[] = [];
      for (const client of inOrder()) {
        try {
          const found = await call(client);
          if (found !== undefined) return found;
        } catch (error) {
          failures.push(ofNode(error));
        }
      }
      if (failures.length > 0) throw gravest(failures);
      if (members.every((member) => member.client())) return undefined;
      throw nobody();
    },
  };
}

/** A failure that another node may not have. @throws any other error as it is */
function ofNode(error: unknown): unknown {
  const code = errorCode(error);
  if (code === "LND_UNAVAILABLE" || code === "LND_REFUSED") return error;
  throw error;
}

/** "Try again" is the truth as long as one of them may be back. */
function gravest(failures: readonly unknown[]): unknown {
  return failures.find((error) => errorCode(error) === "LND_UNAVAILABLE") ?? failures[0];
}
