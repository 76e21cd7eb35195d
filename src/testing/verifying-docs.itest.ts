/** The commands of docs/verifying.md, one after the other as a stranger types them, against a program that was just started. */
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SATRANK } from "./compiled.ts";
import { freePorts, type Program, startProgram } from "./program.ts";

const run = promisify(execFile);
/** A key speaks once a minute: the second time it signs evidence. */
const WAIT_MS = 400_000;
const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-verifying-"));
fs.chmodSync(dataDir, 0o755);
let program: Program;
beforeAll(async () => {
  program = await startProgram(dataDir, await freePorts());
});
afterAll(async () => {
  expect(await program.kill("SIGTERM")).toBe(0);
  fs.rmSync(dataDir, { recursive: true, force: true });
});

type Said = { kind: number; tags: string[][] };
async function said(): Promise<Said[]> {
  const answer = await fetch(`${program.origin}/api/audit/bundle`);
  const text = await answer.text();
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Said]));
}

test(
  "each block does what the page says",
  async () => {
    const blocks = [...fs.readFileSync("docs/verifying.md", "utf8").matchAll(/```sh\n(.*?)```/gs)].map(
      ([, text]) => text,
    );
    expect(blocks.length).toBeGreaterThan(8);
    // A heartbeat that signs evidence, and all keys' lists: what is published in the first minutes.
    const isReady = ({ kind, tags }: Said) =>
      kind === 30_078 && Number(tags.find(([name]) => name === "evidence_tree")?.[1] ?? 0) > 0;
    await expect.poll(async () => (await said()).some(isReady), { timeout: WAIT_MS, interval: 11_000 }).toBe(true);
    const about = (await said()).find(({ kind, tags }) => kind === 30_385 && tags[2]?.[1] === "lightning:node");
    const node = about!.tags[0]![1]!.split(":").at(-1)!;
    const providers = await fetch(`${program.origin}/api/nostr/providers`);
    const { data } = (await providers.json()) as { data: { brand: string } };
    const script = ["set -eu -o pipefail", `satrank() { "${process.execPath}" "${SATRANK}" "$@"; }`, ...blocks].join(
      "\n",
    );
    const { stdout } = await run("bash", ["-c", script], {
      cwd: dataDir,
      env: {
        PATH: process.env["PATH"],
        ORIGIN: program.origin,
        RELAY: program.relayUrl,
        NODE: node,
        BRAND: data.brand,
      },
    });
    expect(stdout.match(/^VALID/gm)).toHaveLength(3);
    expect(stdout).not.toContain("FAILED");
  },
  WAIT_MS,
);
