#!/usr/bin/env bash
# Builds the image, starts api and crawler and waits until the api answers healthy. Runs on VM1; `make deploy` calls it.
#
#   scripts/start-services.sh                          builds and starts what the last deploy brought
#   SATRANK_REVISION=<sha> scripts/start-services.sh --no-build   starts an image of an earlier deploy
#   HEALTH_WAIT_SEC   how long to wait for health, 180 by default
set -euo pipefail
cd "$(dirname "$0")/.."

readonly SETTINGS=.env.production

fail() {
  printf 'start-services: %s\n' "$*" >&2
  exit 1
}

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose --env-file "$SETTINGS" "$@"
  else
    docker-compose --env-file "$SETTINGS" "$@"
  fi
}

# Degraded counts as started: a first start has no scores yet, and an LND outage is not mended by a rollback.
wait_until_healthy() {
  local deadline=$((SECONDS + ${HEALTH_WAIT_SEC:-180})) answer status
  while true; do
    status=0
    answer=$(ALERT_EMAIL='' scripts/satrank-health-check.sh) || status=$?
    if ((status <= 1)); then
      printf '%s\n' "$answer"
      return 0
    fi
    ((SECONDS < deadline)) || break
    sleep 2
  done
  printf '%s\n' "$answer" >&2
  return 1
}

[[ -f "$SETTINGS" ]] || fail "$SETTINGS is missing: copy .env.example and edit it"
SATRANK_REVISION="${SATRANK_REVISION:-$(cat .deployed/revision 2>/dev/null || echo local)}"
export SATRANK_REVISION
[[ "${1:-}" == --no-build ]] || compose build
compose up -d --no-build --remove-orphans
if ! wait_until_healthy; then
  compose ps >&2
  compose logs --tail 40 >&2
  fail "not healthy"
fi
printf 'start-services: %s is running\n' "$SATRANK_REVISION"
