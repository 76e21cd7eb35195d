/** The layout, as a test: floors point one way, rooms are blind to each other, nothing goes in circles. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

/** What each floor may import. */
const FLOORS: Record<string, string[]> = {
  core: ["core"],
  oracle: ["core", "oracle"],
  adapters: ["core", "adapters"],
  apps: ["core", "oracle", "adapters", "apps"],
};

/** A floor's own root files are shared by its rooms. Rooms see each other only through these doors. */
const DOORS = new Set([
  "core/l402 -> core/macaroon",
  "core/score -> core/evidence",
  "core/score -> core/graph",
  "core/evidence -> core/endpoint",
  "core/trust -> core/endpoint",
  "core/trust -> core/evidence",
  "core/trust -> core/intent",
  "core/trust -> core/score",
  "core/audit -> core/endpoint",
  "core/audit -> core/evidence",
  "core/audit -> core/merkle",
  "core/audit -> core/nip85",
  "core/audit -> core/score",
  "core/audit -> core/trust",
  "core/choice -> core/endpoint",
  "core/choice -> core/score",
  "core/choice -> core/trust",
  "core/probe -> core/evidence",
  "core/probe -> core/graph",
  "core/profile -> core/evidence",
  "core/profile -> core/graph",
  "core/profile -> core/score",
  "core/endpoint -> core/nip85",
  "core/nip98 -> core/nip85",
  "core/inbox -> core/endpoint",
  "core/inbox -> core/nip85",
  "core/clip -> core/feed",
  "core/clip -> core/nip85",
  "core/feed -> core/endpoint",
  "core/feed -> core/nip85",
  "core/intent -> core/score",
  "core/intent -> core/graph",
  "core/nip85 -> core/score",
  "core/nip85 -> core/merkle",
  "core/relay -> core/nip85",
  "core/evaluate -> core/evidence",
  "core/evaluate -> core/graph",
  "core/evaluate -> core/prediction",
  "core/evaluate -> core/probe",
  "core/evaluate -> core/profile",
  "core/evaluate -> core/score",
  "core/evaluate -> core/spend",
  "core/inspect -> core/bolt11",
  "core/inspect -> core/endpoint",
  "core/inspect -> core/l402",
  "core/inspect -> core/macaroon",
  "core/report -> core/bolt11",
  "core/report -> core/endpoint",
  "core/report -> core/evidence",
  "core/spend -> core/bolt11",
  "core/probe -> core/spend",
  "core/probe -> core/score",
  "core/probe -> core/prediction",
  "oracle/account -> oracle/access",
  "apps/main.ts -> apps/api",
  "apps/main.ts -> apps/crawler",
  "apps/main.ts -> apps/demo",
]);

/** Which floor or room may use which library: replacing one touches one folder. Types of Node and Express are free. */
const LIBRARIES: Record<string, string[]> = {
  "@noble/curves": ["core"],
  "@noble/hashes": ["core"],
  "@scure/base": ["core"],
  "@grpc/grpc-js": ["adapters/lnd", "apps/demo"],
  "@grpc/proto-loader": ["adapters/lnd", "apps/demo"],
  "@lightningpolar/lnd-api": ["adapters/lnd", "apps/demo"],
  pg: ["adapters/postgres"],
  "pg-boss": ["adapters/postgres"],
  "rate-limiter-flexible": ["adapters/postgres"],
  "nostr-tools": ["adapters/nostr"],
  "tiny-secp256k1": ["adapters/nostr"],
  undici: ["adapters/http"],
  "ipaddr.js": ["adapters/http"],
  socks: ["adapters/http"],
  ws: ["adapters/nostr", "apps/api", "apps/demo"],
  "@nostr-relay/common": ["apps/demo"],
  "@nostr-relay/core": ["apps/demo"],
  "@nostr-relay/validator": ["apps/demo"],
  express: ["apps/api", "apps/demo", "apps/world.ts"],
  helmet: ["apps/api"],
  "lru-cache": ["apps/api"],
  zod: ["apps"],
  "zod-openapi": ["apps"],
  pino: ["apps"],
  "prom-client": ["apps"],
  commander: ["apps/cli"],
};

const files = Object.keys(FLOORS)
  .flatMap((floor) => readdirSync(`src/${floor}`, { recursive: true }).map((path) => `src/${floor}/${path}`))
  .filter((path) => path.endsWith(".ts") && !/\.i?test\.ts$/.test(path));
const importsOf = new Map(files.map((file) => [file, readImports(file)]));

test("imports go down, and sideways only through a door", () => {
  const wrong: string[] = [];
  for (const [file, targets] of importsOf) {
    const [, floor = "", room = ""] = file.split("/");
    for (const target of targets) {
      const [, toFloor = "", toRoom = ""] = target.split("/");
      const down = FLOORS[floor]?.includes(toFloor) ?? false;
      const sideways = floor === toFloor && room !== toRoom && !toRoom.endsWith(".ts");
      const door = DOORS.has(`${floor}/${room} -> ${toFloor}/${toRoom}`);
      if (!down || (sideways && !door)) wrong.push(`${file} -> ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("no import goes in a circle, type imports included", () => {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    expect(path, `circle: ${[...path, file].join(" -> ")}`).not.toContain(file);
    if (done.has(file)) return;
    for (const target of importsOf.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test("each library stays on its own floor, and core needs no Node", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const [, floor = "", room = ""] = file.split("/");
    for (const name of readPackages(file)) {
      if (name.startsWith("node:")) {
        if (floor === "core") wrong.push(`${file} -> ${name}`);
        continue;
      }
      const homes = LIBRARIES[name];
      if (!homes) wrong.push(`${file} -> ${name} (no home in LIBRARIES)`);
      else if (!homes.includes(floor) && !homes.includes(`${floor}/${room}`)) wrong.push(`${file} -> ${name}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the environment is read in one place", () => {
  const readers = files.filter((file) => /\bprocess\.env\b/.test(readFileSync(file, "utf8")));
  expect(readers).toEqual(["src/apps/config.ts"]);
});

test("hosts that strangers name are asked in one way", () => {
  const asking = files.filter((file) => /(?<![.\w])fetch\(|"node:(?:https|dns)"/.test(readFileSync(file, "utf8")));
  expect(asking.filter((file) => !file.startsWith("src/adapters/http/")).sort()).toEqual([
    // These ask this program's own api, on the origin that the operator names.
    "src/apps/cli/ask-origin.ts",
    "src/apps/cli/commands/doctor.ts",
    "src/apps/cli/commands/intent.ts",
    "src/apps/demo/greeting.ts",
    // These run in a reader's browser, and ask the site that they came from.
    "src/apps/pages/follow.ts",
    "src/apps/pages/site.ts",
  ]);
});

test("nobody asks URL.canParse, which answers in two ways for one URL", () => {
  const asking = files.filter((file) => /(?<!`)URL\.canParse/.test(readFileSync(file, "utf8")));
  expect(asking).toEqual([]);
});

/** Relative imports of every form: static, type-only, re-exported, side-effect, dynamic. */
function readImports(file: string): string[] {
  const specifiers = readFileSync(file, "utf8").matchAll(/\b(?:from|import)\b\s*\(?\s*["'](\.[^"']+)["']/g);
  return [...specifiers].map(([, path = ""]) => normalize(join(dirname(file), path)).replace(/\.js$/, ".ts"));
}

/** Package names a file imports, without their sub-paths. */
function readPackages(file: string): string[] {
  const specifiers = readFileSync(file, "utf8").matchAll(
    /^(?:import|export)\b[^;=()"'`]*?\bfrom\s*["']([^."'][^"']*)["']|\bimport\s*\(?\s*["']([^."'][^"']*)["']/gms,
  );
  return [...specifiers].map(([, from = "", bare = ""]) => {
    const path = from || bare;
    if (path.startsWith("node:")) return path;
    return path
      .split("/")
      .slice(0, path.startsWith("@") ? 2 : 1)
      .join("/");
  });
}
