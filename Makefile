# Every command of this project. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:

INSTALLED := node_modules/.package-lock.json
BUILT := dist/.tsbuildinfo
SOURCES := $(shell find src sdk \( -name '*.ts' -o -path 'src/apps/pages/*' \) -not -name '*.test.ts' -not -name '*.itest.ts' 2>/dev/null)

export GRAPH CONFORMANCE_NODES RELAY EVENTS

.PHONY: help
help: ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: build ## start everything on the embedded default; GRAPH=<describegraph.json[.gz]> loads a real graph
	@exec node dist/apps/main.js all

.PHONY: test
test: install ## run every test (a real Postgres 16 is started for them)
	@npx --no-install vitest run

.PHONY: check
check: install lint types drift test ## everything that must hold before a change lands

.PHONY: lint
lint: install ## format, lint and dead code
	@npx --no-install biome check . --error-on-warnings
	@npx --no-install knip

.PHONY: types
types: install ## strict type check of sources and tests
	@npx --no-install tsc --noEmit -p tsconfig.json
	@npx --no-install tsc -p src/apps/pages

.PHONY: drift
drift: build ## fail when a generated document differs from its source
	@node dist/apps/api/print-openapi.js > dist/openapi.json
	@cmp -s dist/openapi.json docs/api/openapi.json || { echo "docs/api/openapi.json is not what the contracts say: run make openapi"; exit 1; }

.PHONY: openapi
openapi: build ## write docs/api/openapi.json from the route contracts
	@mkdir -p docs/api
	@node dist/apps/api/print-openapi.js > docs/api/openapi.json

.PHONY: format
format: install ## rewrite sources in the house format
	@npx --no-install biome check --write .

.PHONY: bench
bench: build compiled ## measure compiled code, as ratios in one run against named baselines; GRAPH=<file> uses a real graph
	@node --expose-gc .compiled/testing/bench/main.js $(BENCH)

.PHONY: fuzz
fuzz: compiled ## feed the door made-up credentials; FUZZ="<count> [seed]"
	@node .compiled/testing/fuzz/main.js $(or $(FUZZ),1000000)

.PHONY: attack
attack: compiled ## paid traffic on two apis that are killed all the time, and the books after it; ATTACK="<operations> [seed]"
	@node .compiled/testing/attack/main.js $(or $(ATTACK),20000)

.PHONY: conformance
conformance: install ## hold real LND nodes to the suite the simulated ones pass; CONFORMANCE_NODES=<file> (docs/lnd.md)
	@npx --no-install vitest run src/testing/conformance --no-file-parallelism $(if $(CONFORMANCE_NODES),--testTimeout=300000 --hookTimeout=300000)

.PHONY: relay-conformance
relay-conformance: install ## deliver events to a relay that takes anybody's, and compare what it serves; RELAY=<ws url> EVENTS=<count> (docs/delivery.md)
	@npx --no-install vitest run --project integration src/testing/relay-conformance --testTimeout=1800000

.PHONY: attack-spend
attack-spend: compiled ## payers that are killed all the time, on one budget; ATTACK_SPEND="<payments> [seed]"
	@node .compiled/testing/attack/spend-main.js $(or $(ATTACK_SPEND),300)

.PHONY: coverage
coverage: install ## run every test and show what they reach
	@npx --no-install vitest run --coverage

.PHONY: test-nodes
test-nodes: install ## run every test on other Node majors too; NODES="22 24"
	@scripts/test-on-nodes.sh $(or $(NODES),22 24)

.PHONY: interop
interop: install ## let the L402 clients that bring many packages pay us
	@cd scripts/interop && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@npx --no-install tsc -p scripts/interop
	@npx --no-install vitest run --config scripts/interop/vitest.config.ts

.PHONY: build
build: $(BUILT) ## compile to dist/

.PHONY: api crawler
api: build ## start the api alone (DATABASE_URL, LND_* and L402_MACAROON_SECRET set)
	@exec node dist/apps/main.js api
crawler: build ## start the crawler alone (same settings)
	@exec node dist/apps/main.js crawler

.PHONY: migrate
migrate: build ## bring the schema of DATABASE_URL to this version
	@node dist/apps/cli/main.js migrate

.PHONY: doctor
doctor: build ## check this machine and its settings
	@node dist/apps/cli/main.js doctor

.PHONY: image
image: ## build the container image; BASE_IMAGE=... builds on another base
	@docker build $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) -t satrank:local .

.PHONY: deploy
deploy: ## ship this work tree; SATRANK_HOST=user@host REMOTE_DIR=/srv/satrank
	@scripts/deploy.sh

.PHONY: compiled
compiled: install
	@npx --no-install tsc -p tsconfig.compiled.json

.PHONY: install
install: $(INSTALLED)

.PHONY: clean
clean: ## remove what was built and installed; the data directory .satrank stays
	@rm -rf dist .compiled node_modules coverage scripts/interop/node_modules

$(INSTALLED): package.json package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a < 20 || (a === 20 && b < 19)) { console.error("Node 20.19 or later is needed; this is " + process.version); process.exit(1); }'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(BUILT): $(INSTALLED) tsconfig.json tsconfig.build.json $(SOURCES)
	@npx --no-install tsc -p tsconfig.build.json
	@npm run --silent pages
	@touch $@
