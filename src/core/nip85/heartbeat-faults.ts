/** Whether a heartbeat has the tags that readers count on. Shared by the lint before signing and by verification. */
import { isHex, type UnsignedEvent } from "./event.ts";
import { HEARTBEAT_NAME, readHeartbeat } from "./heartbeat.ts";
import { isAssertion } from "./kinds.ts";
import type { Fault } from "./subject-faults.ts";

const NUMBER = /^(0|[1-9][0-9]{0,18})$/;
/** Tags of a number and a hash, and whether each must be there. */
const HASHES: Readonly<Record<string, boolean>> = {
  set: true,
  evidence: true,
  evidence_tree: false,
  predictions: true,
  calibration: false,
};

/** What is wrong with the tags; empty when they can be relied on. */
export function heartbeatFaults(event: UnsignedEvent): Fault[] {
  const faults: Fault[] = [];
  const [first, ...rest] = event.tags;
  if (first?.[0] !== "d" || first[1] !== HEARTBEAT_NAME || rest.some(([name]) => name === "d"))
    faults.push({ rule: 2, message: `needs exactly one d tag, ${HEARTBEAT_NAME}, in first place` });
  for (const tag of rest) {
    const [name = "", number = "", other] = tag;
    const holds =
      NUMBER.test(number) && (name === "as_of" ? tag.length === 2 : tag.length === 3 && isPair(name, other));
    if (!holds) faults.push({ rule: 7, message: `${name} is not what a heartbeat says` });
  }
  const names = rest.map(([name = ""]) => name);
  for (const name of ["as_of", ...Object.keys(HASHES)]) {
    const count = names.filter((each) => each === name).length;
    if (count > 1 || (count === 0 && HASHES[name] !== false))
      faults.push({ rule: 7, message: `${name} occurs ${count} times` });
  }
  return [...faults, ...sumFaults(event)];
}

function isPair(name: string, other: string | undefined): boolean {
  return name === "cnt" ? isAssertion(Number(other)) : name in HASHES && isHex(other, 64);
}

function sumFaults(event: UnsignedEvent): Fault[] {
  const { size, counts } = readHeartbeat(event);
  const sum = [...counts.values()].reduce((total, count) => total + count, 0);
  const once = counts.size === event.tags.filter(([name]) => name === "cnt").length;
  return once && sum === size ? [] : [{ rule: 7, message: "the counts do not add up to the size of the set" }];
}
