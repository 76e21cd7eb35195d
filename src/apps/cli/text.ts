/** How commands write instants, amounts and columns for people. */
import type { UnixSeconds } from "../../core/units.ts";

/** RFC 3339, in UTC. */
export function iso(at: UnixSeconds): string {
  return new Date(at * 1000).toISOString().replace(".000", "");
}

/** Columns as wide as their widest cell. */
export function table(head: string[], rows: string[][]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** What a stranger wrote, with every character that does not print replaced. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
