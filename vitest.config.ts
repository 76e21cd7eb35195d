/** Unit tests (`x.test.ts`) need nothing; integration tests (`x.itest.ts`) share one Postgres server, a database per file. */
import { defineConfig } from "vitest/config";

const limits = { testTimeout: 30_000, hookTimeout: 60_000 };

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
          globalSetup: ["src/testing/postgres-server.ts"],
        },
      },
    ],
  },
});
