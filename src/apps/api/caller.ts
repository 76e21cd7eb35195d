/** Whether the one who asked is still there: nobody should work, or pay, for an answer that cannot arrive. */
import type { Response } from "express";
import { OracleError } from "../../core/errors.ts";

export type Caller = {
  /** Aborts when the caller hangs up. Made when it is first asked for: most calls are over before anybody wants one. */
  readonly signal: AbortSignal;
  /** @throws TIMED_OUT when the caller hung up */
  throwIfGone(): void;
};

export function watchCaller(response: Response): Caller {
  let controller: AbortController | undefined;
  let gone: OracleError | undefined;
  response.once("close", () => {
    if (response.writableEnded) return;
    gone = new OracleError("TIMED_OUT", "the caller hung up");
    controller?.abort(gone);
  });
  return {
    get signal() {
      controller ??= new AbortController();
      if (gone) controller.abort(gone);
      return controller.signal;
    },
    throwIfGone() {
      if (gone) throw gone;
    },
  };
}
