/** Unit tests (`x.test.ts`) need nothing; integration tests (`x.itest.ts`) share one Postgres server, a database per file. */
import { defineConfig } from "vitest/config";

const shared = {
  // Far beyond what any of them takes: a busy machine fails none, and one that hangs is still found.
  testTimeout: 180_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 60_000 } },
  // Loading everything anew for each file took a third of the processor time.
  isolate: false,
};

export default defineConfig({
  test: {
    // One more than a small machine has cores: some tests wait.
    maxWorkers: 3,
    projects: [
      { test: { ...shared, name: "unit", include: ["src/**/*.test.ts"] } },
      {
        test: {
          ...shared,
          name: "integration",
          include: ["src/**/*.itest.ts"],
          globalSetup: ["src/testing/postgres-server.ts", "src/testing/compiled.ts"],
        },
      },
    ],
  },
});
