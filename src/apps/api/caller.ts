/** Whether the one who asked is still there: nobody should work, or pay, for an answer that cannot arrive. */
import type { Response } from "express";
import { OracleError } from "../../core/errors.ts";

/** A class, because an accessor in an object literal gives each object a shape of its own, which V8 never forgets in time. */
export class Caller {
  private controller: AbortController | undefined;
  private gone: OracleError | undefined;

  /** Aborts when the caller hangs up. Made when it is first asked for: most calls are over before anybody wants one. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.gone) this.controller.abort(this.gone);
    return this.controller.signal;
  }

  /** @throws TIMED_OUT when the caller hung up */
  throwIfGone(): void {
    if (this.gone) throw this.gone;
  }

  /** The connection is closed before the answer was written. */
  hangUp(): void {
    this.gone = new OracleError("TIMED_OUT", "the caller hung up");
    this.controller?.abort(this.gone);
  }
}

export function watchCaller(response: Response): Caller {
  const caller = new Caller();
  response.once("close", () => {
    if (!response.writableEnded) caller.hangUp();
  });
  return caller;
}
