/** Reading the cells of an entry of the evidence log. Every function throws EVIDENCE_MALFORMED for what is not what it reads. */
import { OracleError } from "../errors.ts";
import { type Msat, msat } from "../units.ts";

/** The cells of a text in one form of the log. */
export function parseCells(text: string, form: number, fields: number): unknown[] {
  let cells: unknown;
  try {
    cells = JSON.parse(text);
  } catch (cause) {
    throw malformed("it is not JSON", cause);
  }
  if (!Array.isArray(cells) || cells.length !== fields || cells[0] !== form) throw malformed("it has another form");
  return cells;
}

export function hex(value: unknown, digits: number): string {
  if (typeof value !== "string" || value.length !== digits || !/^[0-9a-f]+$/.test(value)) {
    throw malformed(`${digits} hex digits are missing`);
  }
  return value;
}

export function whole(value: unknown): bigint {
  if (typeof value !== "string" || !/^\d{1,20}$/.test(value)) throw malformed("a whole number is missing");
  return BigInt(value);
}

export function amountOf(value: unknown): Msat {
  return msat(whole(value));
}

export function code(value: unknown): string {
  if (typeof value !== "string" || !/^[A-Z0-9_]{1,64}$/.test(value)) throw malformed("a failure code is missing");
  return value;
}

export function oneOf<Word extends string>(words: readonly Word[], value: unknown): Word {
  const word = words.find((each) => each === value);
  if (word === undefined) throw malformed(`one of ${words.join(", ")} is missing`);
  return word;
}

export function malformed(why: string, cause?: unknown): OracleError {
  return new OracleError("EVIDENCE_MALFORMED", `an entry of the evidence log cannot be read: ${why}`, { cause });
}
