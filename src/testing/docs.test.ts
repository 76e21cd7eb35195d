/** The documentation names only what exists: every relative link resolves, every `make` target is one. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const pages = [".", "docs", "docs/decisions"].flatMap((directory) =>
  readdirSync(directory)
    .filter((file) => file.endsWith(".md"))
    .map((file) => path.join(directory, file)),
);

test.each(pages)("%s links to what exists", (page) => {
  const links = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(
    ([, target = ""]) => target,
  );
  const missing = links.filter(
    (target) => !/^[a-z]+:/.test(target) && !existsSync(path.join(path.dirname(page), target)),
  );
  expect(missing).toEqual([]);
});

test.each(pages)("%s names make targets that exist", (page) => {
  const targets = new Set(
    [...readFileSync("Makefile", "utf8").matchAll(/^([a-z-]+)(?: [a-z-]+)*:/gm)].flatMap(([line]) =>
      line.slice(0, -1).split(" "),
    ),
  );
  const named = [...readFileSync(page, "utf8").matchAll(/(?:^|`|\$ )make ([a-z-]+)/gm)].map(
    ([, target = ""]) => target,
  );
  expect(named.filter((target) => !targets.has(target))).toEqual([]);
});

test("docs/settings.md lists every setting, and no other", () => {
  const schema =
    /const environment = z\.object\(\{(.*?)\n\}\);/s.exec(readFileSync("src/apps/config.ts", "utf8"))?.[1] ?? "";
  const settings = [...schema.matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(([, name]) => name);
  const listed = [...readFileSync("docs/settings.md", "utf8").matchAll(/^\| `([A-Z][A-Z0-9_]+)`/gm)].map(
    ([, name]) => name,
  );
  expect(settings.length).toBeGreaterThan(20);
  expect(listed.sort()).toEqual(settings.sort());
});
