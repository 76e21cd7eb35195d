/** The spend policy file (`SPEND_POLICY_PATH`): JSON, read and checked once at start. A change needs a restart of each process. */
import fs from "node:fs";
import { z } from "zod";
import { OracleError } from "../core/errors.ts";
import { NOTHING_ALLOWED, SIMULATED_POLICY, type SpendPolicy } from "../core/spend/policy.ts";
import { MAX_MSAT, type Msat } from "../core/units.ts";

/** Decimal text: JSON numbers lose msat beyond 2^53. */
const amount = z
  .string()
  .regex(/^(0|[1-9]\d{0,18})$/, 'a whole number of msat as text is needed, such as "1000000"')
  .transform((text) => BigInt(text) as Msat)
  .refine((value) => value <= MAX_MSAT, "this is more than there is");
const count = (max: number) => z.int().min(0).max(max);

const paymentLimits = {
  perPaymentMsat: amount,
  per24hMsat: amount,
  perSubject24hMsat: amount,
  approveAboveMsat: amount,
  maxFeeMsat: amount,
};
const probeLimits = {
  maxAmountMsat: amount,
  perHour: count(100_000),
  perTarget24h: count(10_000),
  perPeerInFlight: count(100),
  perPeerPerHour: count(100_000),
  maxHops: count(20),
  maxCltvBlocks: count(2_016),
  exploreRatio: z.number().min(0).max(1),
};
const off = z.literal("off");

/** What is off needs no limits, and may keep those it had. */
const policy = z.strictObject({
  payments: z
    .discriminatedUnion("mode", [
      z.strictObject({ mode: off, ...z.object(paymentLimits).partial().shape }),
      z.strictObject({ mode: z.enum(["ask", "auto"]), ...paymentLimits }),
    ])
    .default({ mode: "off" }),
  probes: z
    .discriminatedUnion("mode", [
      z.strictObject({ mode: off, ...z.object(probeLimits).partial().shape }),
      z.strictObject({ mode: z.literal("auto"), ...probeLimits }),
    ])
    .default({ mode: "off" }),
});

const MAX_BYTES = 65_536;
const WORLD_WRITABLE = 0o002;

/**
 * The policy of a file; an empty one allows nothing, because a container has to be given some file. Without one a simulated network
 * is spent on freely, and a real one not at all.
 * @throws CONFIG_INVALID naming the file and the field
 */
export function readSpendPolicy(path: string | undefined, network: { isSimulated: boolean }): SpendPolicy {
  if (path === undefined) return network.isSimulated ? SIMULATED_POLICY : NOTHING_ALLOWED;
  const text = readGuarded(path);
  if (text.trim() === "") return NOTHING_ALLOWED;
  const parsed = policy.safeParse(parse(path, text));
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `\n  ${issue.path.join(".") || "the whole"}: ${issue.message}`);
    throw refused(path, `does not hold:${issues.join("")}`);
  }
  const { payments, probes } = parsed.data;
  return {
    payments: payments.mode === "off" ? NOTHING_ALLOWED.payments : payments,
    probes: probes.mode === "off" ? NOTHING_ALLOWED.probes : probes,
  };
}

/** Whoever can write this file can spend: one that everybody can write is refused. */
function readGuarded(path: string): string {
  try {
    const handle = fs.openSync(path, "r");
    try {
      const { mode, size } = fs.fstatSync(handle);
      if ((mode & WORLD_WRITABLE) !== 0) throw refused(path, "can be written by everybody: chmod o-w it");
      if (size > MAX_BYTES) throw refused(path, `is larger than ${MAX_BYTES} bytes`);
      return fs.readFileSync(handle, "utf8");
    } finally {
      fs.closeSync(handle);
    }
  } catch (cause) {
    if (cause instanceof OracleError) throw cause;
    throw refused(path, "cannot be read; check the path and its permissions", cause);
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refused(path, "is not JSON", cause);
  }
}

function refused(path: string, problem: string, cause?: unknown): OracleError {
  return new OracleError("CONFIG_INVALID", `the spend policy ${path} ${problem}`, { cause });
}
