# SatRank in one image: the api by default, `crawler` as the last argument for the crawler.
#
# Pin the base by digest for a release: --build-arg BASE_IMAGE=node:24-bookworm-slim@sha256:...
# Any image with glibc, Node >= 20.19 and npm serves as base.
ARG BASE_IMAGE=node:24-bookworm-slim

# What runs in production. A layer of its own: it changes with the lockfile, not with the source.
# The optional packages are embedded Postgres servers, which a container never starts.
FROM ${BASE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --omit=dev --omit=optional

# TypeScript's own compiler binary is an optional package, so this stage installs everything.
FROM ${BASE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npx --no-install tsc -p tsconfig.build.json && npm run --silent pages && rm -f dist/.tsbuildinfo

FROM ${BASE_IMAGE} AS runtime
WORKDIR /app
ENV NODE_ENV=production
# The files belong to root and the process does not: it can read its own code but never change it.
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY sql ./sql
COPY docs/errors.md ./docs/errors.md
COPY --from=build /app/dist ./dist
USER 10001:10001
EXPOSE 3000
# Liveness only: an LND or database outage must not make the engine kill a process that is waiting it out.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/api/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/apps/main.js", "api"]
