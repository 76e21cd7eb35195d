/** The clients of this folder's own package.json, against the same matrix as those of the product's tests. */
import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads this one
export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: {
    include: ["scripts/interop/*.itest.ts"],
    globalSetup: ["src/testing/postgres-server.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
