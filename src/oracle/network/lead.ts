/** One process of several does a work: the others stand by, and one of them takes over when it ends, dies or falls silent. */

export type LeadPorts = {
  /** Takes or renews the right; false while another process has it. */
  claim(leaseSec: number): Promise<boolean>;
  release(): Promise<void>;
  failed(place: string, error: unknown): void;
  /** A monotonic clock in ms. */
  elapsedMs(): number;
  /** Resolves after so long, or when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
};

/** A right that was not renewed for so long is anybody's. */
const LEASE_SEC = 15;
const RENEW_MS = 4_000;

/**
 * Does `work` whenever this process has the right to, until the signal aborts. The signal that `work` is given aborts as well
 * when the right may be lost; what it throws is reported, and it is begun anew.
 */
export async function lead(
  ports: LeadPorts,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const mine = await ports.claim(LEASE_SEC).catch((error: unknown) => {
      ports.failed("claiming the graph", error);
      return false;
    });
    if (mine) await leadOnce(ports, work, signal);
    await ports.pause(RENEW_MS, signal);
  }
}

async function leadOnce(
  ports: LeadPorts,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const term = new AbortController();
  const ended = AbortSignal.any([term.signal, signal]);
  const renewing = renew(ports, term, ended);
  try {
    await work(ended);
  } catch (error) {
    ports.failed("following the graph", error);
  }
  term.abort();
  await renewing;
  await ports.release().catch((error: unknown) => ports.failed("releasing the graph", error));
}

/** Renews the right until the term ends; ends the term when somebody else has it, or may have it. */
async function renew(ports: LeadPorts, term: AbortController, ended: AbortSignal): Promise<void> {
  let renewedAt = ports.elapsedMs();
  for (;;) {
    await ports.pause(RENEW_MS, ended);
    if (ended.aborted) return;
    const from = ports.elapsedMs();
    const mine = await ports.claim(LEASE_SEC).catch((error: unknown) => {
      ports.failed("renewing the claim on the graph", error);
      // Nobody else can have it before our lease has run out.
      return from - renewedAt < 1_000 * LEASE_SEC - RENEW_MS ? undefined : false;
    });
    if (mine) renewedAt = from;
    if (mine === false) term.abort();
  }
}
