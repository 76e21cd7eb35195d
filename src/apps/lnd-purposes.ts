/** What each macaroon is for, and what goes wrong without each of its permissions, in words for the operator. */
import type { Examination } from "../adapters/lnd/examine-connection.ts";
import { TROUBLES, type Trouble, type TroubleName } from "../adapters/lnd/trouble.ts";
import type { Permission } from "../adapters/lnd/try-permissions.ts";
import type { Purpose } from "./lnd-endpoint.ts";

/** A purpose is served by the first of these that is up. */
export type NodeName = "primary" | "fallback";

/** What a purpose cannot do when a permission is missing. `isVital` ones end it. */
type Need = { permission: Permission; without: string; isVital: boolean };

export const NEEDS: Readonly<Record<Purpose, readonly Need[]>> = {
  readonly: [
    { permission: "info:read", without: "the graph, routes and the state of the node cannot be read", isVital: true },
    { permission: "invoices:read", without: "LND's invoices cannot be compared with the books", isVital: false },
  ],
  invoice: [
    { permission: "invoices:read", without: "payments are not seen, and no paid token is credited", isVital: true },
    {
      permission: "invoices:write",
      without: "no invoice can be made, and callers without a token get 503",
      isVital: true,
    },
  ],
  pay: [
    { permission: "offchain:read", without: "payments cannot be followed: probes and payments are off", isVital: true },
    { permission: "offchain:write", without: "probes and payments are off", isVital: true },
  ],
};

export type Standing = "ok" | "degraded" | "down";

/** The setting that names a macaroon. */
export function settingOf(node: NodeName, purpose: Purpose): string {
  return `LND_${node === "fallback" ? "FALLBACK_" : ""}${purpose.toUpperCase()}_MACAROON_PATH`;
}

/** Everything that is wrong with a connection, permissions included, gravest first, and how it stands by that. */
export function judgeExamination(
  node: NodeName,
  purpose: Purpose,
  { troubles, missing, excess }: Examination,
): { standing: Standing; troubles: Trouble[] } {
  const setting = settingOf(node, purpose);
  const lacks = NEEDS[purpose].filter(({ permission }) => missing.includes(permission));
  const said = lacks.map(({ permission, without }): Trouble => {
    return { trouble: "permission-missing", words: `${setting} lacks ${permission}: ${without}` };
  });
  if (excess.length > 0) {
    const words = `${setting} grants more than is needed (${excess.sort().join(", ")}): bake one without`;
    said.push({ trouble: "permission-excess", words });
  }
  const all = [...troubles, ...said].sort((a, b) => weigh(b.trouble) - weigh(a.trouble));
  const isDown = troubles.some(({ trouble }) => TROUBLES[trouble] === "down") || lacks.some(({ isVital }) => isVital);
  const isDegraded = all.some(({ trouble }) => TROUBLES[trouble] !== "notice");
  return { standing: isDown ? "down" : isDegraded ? "degraded" : "ok", troubles: all };
}

function weigh(trouble: TroubleName): number {
  return ["notice", "degraded", "down"].indexOf(TROUBLES[trouble]);
}
