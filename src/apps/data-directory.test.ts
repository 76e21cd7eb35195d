/** One process at a time holds a data directory, and its keys are made once. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { claimDataDirectory, demoSecrets } from "./data-directory.ts";

const fresh = () => fs.mkdtempSync(path.join(os.tmpdir(), "satrank-data-"));
const DEAD_PID = "4194304";

test("a second claim is refused while the first lives, and granted after it lets go", () => {
  const directory = fresh();
  const release = claimDataDirectory(directory);
  expect(() => claimDataDirectory(directory)).toThrow(`in use by process ${process.pid}`);
  release();
  claimDataDirectory(directory)();
});

test("the lock of a dead process is taken over, by one", () => {
  const directory = fresh();
  fs.writeFileSync(path.join(directory, "satrank.pid"), DEAD_PID);
  const release = claimDataDirectory(directory);
  expect(() => claimDataDirectory(directory)).toThrow("in use");
  release();
  expect(fs.readdirSync(directory)).toEqual([]);
});

test("while somebody takes over, nobody else does; a takeover that died is swept away", () => {
  const directory = fresh();
  fs.writeFileSync(path.join(directory, "satrank.pid"), DEAD_PID);
  const turn = path.join(directory, "satrank.pid.takeover");
  fs.writeFileSync(turn, DEAD_PID);
  expect(() => claimDataDirectory(directory)).toThrow("in use");
  fs.utimesSync(turn, 1, 1);
  claimDataDirectory(directory)();
});

test("a directory that cannot be made names the setting", () => {
  const file = path.join(fresh(), "file");
  fs.writeFileSync(file, "");
  expect(() => claimDataDirectory(path.join(file, "below"))).toThrow("set DATA_DIR");
});

test("the keys are made once, for their owner alone, and a damaged file is not replaced", () => {
  const directory = fresh();
  const made = demoSecrets(directory);
  expect(demoSecrets(directory)).toEqual(made);
  const file = path.join(directory, "secrets.json");
  expect(fs.statSync(file).mode & 0o077).toBe(0);
  fs.writeFileSync(file, "{}");
  expect(() => demoSecrets(directory)).toThrow("damaged");
});
