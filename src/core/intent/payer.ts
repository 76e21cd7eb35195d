/** Who would pay, as far as that is known. */
import type { OwnChannel } from "../graph/own-channels.ts";
import type { ReferenceCaller } from "../score/references.ts";

/** Who pays. */
export type Payer = {
  /** Index of the caller, or -1 when the graph does not know it. */
  readonly caller: number;
  /** What the caller told of its own channels: they then are all it has. */
  readonly own: readonly OwnChannel[] | undefined;
  /** Who stands for a caller of which nothing is known. */
  readonly references: readonly ReferenceCaller[];
};

/** Whether it is known by which channels the caller may leave. */
export function isKnown({ caller, own }: Payer): boolean {
  return caller >= 0 || own !== undefined;
}
