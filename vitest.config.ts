/** Unit tests (`x.test.ts`) need nothing; integration tests (`x.itest.ts`) share one Postgres server, a database per file. */
import { defineConfig } from "vitest/config";

/** Far beyond what any of them takes: a busy machine fails none, and one that hangs is still found. */
const limits = { testTimeout: 180_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...limits, name: "unit", include: ["src/**/*.test.ts"] } },
      {
        test: {
          ...limits,
          name: "integration",
          include: ["src/**/*.itest.ts"],
          globalSetup: ["src/testing/postgres-server.ts", "src/testing/compiled.ts"],
        },
      },
    ],
  },
});
